"""What job_api says about jobs."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import JobEventData
from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.job_status import JobStatus


class TrainingFileReference(BaseModel):
    """Where the normalised conversations lie and how big they are."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    training_file_id: UUID
    bucket: str
    key: str
    sha256: str
    conversations: int = Field(ge=0)
    trainable_turns: int = Field(ge=0)
    tokens: int = Field(ge=0)
    trainable_tokens: int = Field(ge=0, default=0)
    longest_conversation_tokens: int = Field(ge=0, default=0)


class JobEvent(JobEventData):
    entity: ClassVar[str] = "job"


class JobCreated(JobEvent):
    """A job was made from a training file; nothing runs yet."""

    event: ClassVar[str] = "created"

    name: str
    created_by: str
    training_file_id: UUID
    preset: str | None = None
    configuration: dict[str, Any] = Field(default_factory=dict)


class JobQueued(JobEvent):
    """A start was accepted and its cost reserved, and other jobs come first: `job.start_requested` follows when it is
    the job's turn."""

    event: ClassVar[str] = "queued"

    requested_by: str


class JobPromoted(JobEvent):
    """A job that waits for its turn was put in front of all others of its workspace."""

    event: ClassVar[str] = "promoted"

    promoted_by: str


class JobStartRequested(JobEvent):
    """Start (or start again) this job. Everything a pod needs is in here; a second start has the same job_id.

    `run` counts the starts: what a later one says (a pause was ended, another tier was chosen) replaces what the ones
    before said, and the next attempt goes on from the newest checkpoint. `continues` is the job whose checkpoints a
    first attempt may read and go on from.
    """

    event: ClassVar[str] = "start_requested"

    job_name: str
    requested_by: str
    training_file: TrainingFileReference
    hyperparameters: Hyperparameters
    base_model: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    max_duration_s: int = Field(gt=0, default=24 * 3600)
    reservation_id: UUID
    estimated_cost_micro_usd: int = Field(ge=0)
    estimated_duration_s: float = Field(ge=0)
    run: int = Field(ge=1, default=1)
    continues: UUID | None = None
    # What was reserved for it: a dearer machine is not taken beyond it. Null: nobody said.
    cost_ceiling_micro_usd: int | None = Field(default=None, ge=0)


class JobPauseRequested(JobEvent):
    """A user paused the job: its trainer saves a checkpoint, its machine goes, its money is free.

    `run` is the start that is paused (0: none yet); a later start ends the pause. `reservation_id`: the money that it
    held, which may have been for a start that had not had its turn.
    """

    event: ClassVar[str] = "pause_requested"

    run: int = Field(ge=0)
    requested_by: str
    reason: str = ""
    reservation_id: UUID | None = None


class JobTierChangeRequested(JobEvent):
    """A user chose another tier for a running job; the start of the same `run` carries it out."""

    event: ClassVar[str] = "tier_change_requested"

    run: int = Field(ge=1)
    from_tier: PricingTier
    to_tier: PricingTier
    requested_by: str
    reason: str = ""


class JobCancelRequested(JobEvent):
    """A user stopped the job: its machine must go."""

    event: ClassVar[str] = "cancel_requested"

    requested_by: str
    reason: str = ""


class JobStatusChanged(JobEvent):
    """The job moved from one status to another."""

    event: ClassVar[str] = "status_changed"

    from_status: JobStatus
    to_status: JobStatus
    reason: str = ""
    attempt: int | None = None


class JobCompleted(JobEvent):
    """The adapter is trained and uploaded."""

    event: ClassVar[str] = "completed"

    job_name: str
    created_by: str
    started_at: datetime | None = None
    completed_at: datetime
    final_loss: float | None = None
    final_validation_loss: float | None = None
    total_steps: int | None = None
    interruptions: int = 0


class JobFailed(JobEvent):
    """The job ended without an adapter; says why and what to do."""

    event: ClassVar[str] = "failed"

    job_name: str
    created_by: str
    error_type: TrainingErrorType
    error_code: str | None = None
    message: str
    suggested_fix: str
    context: dict[str, Any] = Field(default_factory=dict)
    failed_at: datetime


class JobCancelled(JobEvent):
    """The job ended because a user stopped it."""

    event: ClassVar[str] = "cancelled"

    job_name: str
    cancelled_by: str
    reason: str = ""
    cancelled_at: datetime


class JobDeleted(JobEvent):
    """A job that was never started is gone."""

    event: ClassVar[str] = "deleted"

    deleted_by: str
