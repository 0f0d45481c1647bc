"""What the API's answers look like to a program. Fields that are not named here are kept as they came."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class StatusReason(Answer):
    code: str = ""
    message: str = ""
    suggested_fix: str = ""


class QueuePlace(Answer):
    """`reason`: what is waited for; `capacity` is a free machine, everything else the workspace's own turn."""

    position: int
    ahead: int = 0
    expected_start_at: datetime | None = None
    reason: str = ""


class TrainingFile(Answer):
    id: str
    status: str = ""
    report: dict[str, Any] | None = None


class JobProgress(Answer):
    message: str = ""


class Interruptions(Answer):
    count: int = 0
    sentence: str = ""


class Job(Answer):
    id: str
    name: str
    status: str
    status_reason: StatusReason | None = None
    queue: QueuePlace | None = None
    preset: str | None = None
    client: str = ""
    project: str = ""
    notes: str = ""
    notes_revision: int = 0
    progress_percentage: float = 0.0
    current_epoch: float | None = None
    current_step: int | None = None
    total_steps: int | None = None
    latest_loss: float | None = None
    latest_validation_loss: float | None = None
    estimated_time_remaining_seconds: float | None = None
    checkpoint_recovery_count: int = 0
    progress: JobProgress = JobProgress()
    interruptions: Interruptions = Interruptions()
    actual_cost_micro_usd: int | None = None
    cost_estimate_micro_usd: int | None = None
    cost_is_final: bool = False
    validation: dict[str, Any] | None = None
    allowed_actions: list[str] = []
    adjustments: list[dict[str, Any]] | None = None
    error: dict[str, Any] | None = None
    created_by: str = ""
    created_by_name: str | None = None
    created_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")


class Download(Answer):
    url: str
    file_name: str
    size_bytes: int | None = None
    sha256: str | None = None


class Page(Answer):
    data: list[dict[str, Any]]
    has_more: bool = False
    next_cursor: str | None = None


class QueuedJob(QueuePlace):
    job_id: str
    name: str
    requested_by: str | None = None
    requested_by_name: str | None = None
    cost_estimate_micro_usd: int | None = None


class QueueLimits(Answer):
    """0: any number."""

    per_user: int
    per_workspace: int


class ApiKey(Answer):
    id: str
    name: str
    prefix: str
    roles: list[str]
    email: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaces: str | None = None
    key: str | None = None


class QueuePage(Answer):
    data: list[QueuedJob]
    has_more: bool = False
    next_cursor: str | None = None
    active_jobs: int
    limits: QueueLimits
