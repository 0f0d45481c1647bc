"""What the trainer says while it works."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.envelope import AttemptEventData
from contracts.error_taxonomy import TrainingErrorType
from contracts.job_status import STAGES, JobStatus


class TrainingEvent(AttemptEventData):
    entity: ClassVar[str] = "training"


class ArtifactFile(BaseModel):
    """One uploaded file. `key` is the object's key in the bucket, `path` its name inside the delivery."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str
    key: str
    size_bytes: int = Field(ge=0)
    sha256: str


class TrainingStarted(TrainingEvent):
    """The trainer process of this attempt runs. Said before anything heavy is imported."""

    event: ClassVar[str] = "started"

    pid: int | None = None
    host: str = ""
    started_at: datetime


def _is_stage(status: JobStatus) -> JobStatus:
    # The released schema lists every status; only these ever had a meaning here.
    if status not in STAGES:
        raise ValueError(f"'{status.value}' is no stage of a training; stages are {', '.join(STAGES)}")
    return status


class TrainingStageChanged(TrainingEvent):
    """The trainer entered another stage. Its end is no stage: `training.completed` brings the adapter."""

    event: ClassVar[str] = "stage_changed"

    stage: Annotated[JobStatus, AfterValidator(_is_stage)]
    message: str = ""
    details: dict[str, Any] = Field(default_factory=dict)


class TrainingResumed(TrainingEvent):
    """Training goes on from a checkpoint."""

    event: ClassVar[str] = "resumed"

    resumed_from_step: int = Field(ge=0)
    checkpoint_attempt: int = Field(ge=1)


class TrainingProgressed(TrainingEvent):
    """A snapshot for the job's row, about once a second, behind the points of its steps in `metrics.reported`."""

    event: ClassVar[str] = "progressed"

    step: int = Field(ge=0)
    total_steps: int = Field(ge=0)
    epoch: float = Field(ge=0)
    loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    perplexity: float | None = None
    tokens_per_second: float | None = None
    eta_s: float | None = None


class TrainingWarning(TrainingEvent):
    """Something a person should see, though the run goes on (a loss that is not a number, a slow upload)."""

    event: ClassVar[str] = "warning"

    code: str
    message: str
    step: int | None = None


class TrainingPaused(TrainingEvent):
    """The trainer ended because it was asked to. `checkpoint_step`: what the next attempt goes on from; null when
    nothing was saved yet."""

    event: ClassVar[str] = "paused"

    step: int = Field(ge=0)
    checkpoint_step: int | None = None
    paused_at: datetime


class TrainingCompleted(TrainingEvent):
    """The adapter is uploaded and verified. Said last; the same text lies as `result.json` beside the artifacts."""

    event: ClassVar[str] = "completed"

    bucket: str
    artifacts: tuple[ArtifactFile, ...]
    base_model: str
    total_steps: int = Field(ge=0)
    epochs: float = Field(ge=0)
    final_loss: float | None = None
    final_validation_loss: float | None = None
    trained_tokens: int = Field(ge=0, default=0)
    training_seconds: float = Field(ge=0)
    versions: dict[str, str] = Field(default_factory=dict)
    completed_at: datetime


class TrainingFailed(TrainingEvent):
    """The trainer gave up; `retryable` says whether another attempt may help.

    `error_code` refines the type (`contracts.error_catalogue`); `context` holds the figures of its explanation.
    """

    event: ClassVar[str] = "failed"

    error_type: TrainingErrorType
    error_code: str | None = None
    message: str
    suggested_fix: str
    retryable: bool
    context: dict[str, Any] = Field(default_factory=dict)
    failed_at: datetime
