"""A body's values have the types that its schema names; nothing is converted silently."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from services.job_api.edge.fields import Body, Moment


class Sent(Body):
    count: int = 1
    amount: Annotated[float, Field(ge=0)] | None = None
    active: bool = False
    name: str = ""
    tags: list[str] = Field(default_factory=list)
    until: Moment | None = None


@pytest.mark.parametrize("values", [
    {"count": "7"}, {"count": True}, {"amount": "0"}, {"amount": False}, {"active": "yes"}, {"active": 1},
    {"until": 0}, {"until": "0.5"}, {"until": "2026-01-31"}])
def test_another_type_is_refused(values) -> None:
    with pytest.raises(ValidationError) as refused:
        Sent(**values)
    assert [error["loc"] for error in refused.value.errors()] == [tuple(values)]


@pytest.mark.parametrize("values", [
    {"count": 7}, {"count": 7.0}, {"amount": 0}, {"amount": 0.5}, {"amount": None}, {"active": True}, {"name": "7"},
    {"tags": ["7"]}, {"until": "2026-01-31T12:00:00Z"}, {"until": None}])
def test_the_named_types_are_taken(values) -> None:
    assert Sent(**values).model_fields_set == set(values)
