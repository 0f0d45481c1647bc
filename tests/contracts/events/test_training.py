"""What a trainer may say, and what it may not."""

import pytest
from pydantic import ValidationError

from contracts.events import TrainingStageChanged
from contracts.identifiers import uuid7
from contracts.job_status import STAGES, JobStatus


@pytest.mark.parametrize("status", list(JobStatus))
def test_only_real_stages_are_stages(status: JobStatus) -> None:
    """A pod that says "completed" here would complete a job without an adapter."""
    about = {"job_id": uuid7(), "workspace_id": uuid7(), "attempt": 1, "stage": status.value}
    if status in STAGES:
        assert TrainingStageChanged.model_validate(about).stage is status
        return
    with pytest.raises(ValidationError, match=f"'{status.value}' is no stage"):
        TrainingStageChanged.model_validate(about)
