"""What the document says of a new job is what the API takes: a file or a template, and null is neither."""

from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from services.job_api.jobs.schemas.jobs import CreateJob

FILE, TEMPLATE = {"training_file_id": str(uuid4())}, {"template_id": str(uuid4())}
NO_FILE: dict[str, Any] = {"training_file_id": None}
NO_TEMPLATE: dict[str, Any] = {"template_id": None}


@pytest.mark.parametrize(("body", "is_enough"), [
    (FILE, True), (TEMPLATE, True), (FILE | NO_TEMPLATE, True), (NO_FILE | TEMPLATE, True), (FILE | TEMPLATE, True),
    ({}, False), (NO_FILE, False), (NO_TEMPLATE, False), (NO_FILE | NO_TEMPLATE, False)])
def test_a_new_job_needs_a_file_or_a_template(body: dict[str, Any], is_enough: bool) -> None:
    assert Draft202012Validator(CreateJob.model_json_schema()).is_valid(body) is is_enough
