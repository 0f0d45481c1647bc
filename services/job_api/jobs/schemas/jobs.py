"""Jobs: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from contracts.error_catalogue import ErrorCode
from contracts.error_taxonomy import FailureClass, TrainingErrorType
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from contracts.job_status import JobAction, JobStatus
from contracts.presets import ConfigurationDifference
from services.job_api.edge.fields import (
    VALIDATION,
    Body,
    CommaSeparated,
    Description,
    GivenName,
    Label,
    Moment,
    Name,
    Notes,
    PlainText,
    PresetName,
    Request,
    Tag,
    Tags,
    View,
)
from services.job_api.edge.json_types import JsonTypes
from services.job_api.jobs.schemas.queue import QueueView

CREATED_BY_NAME = "Of the member whose id `created_by` is; null: nobody who is one now"
Money = Annotated[float, Field(ge=0, le=1e9)]


class GivenHyperparameters(HyperparameterOverrides, JsonTypes):
    """Single values that replace those of a preset."""


class CreateJob(Body):
    """With `template_id` what is not given comes from the template, the training file included."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [
        {"required": [name], "properties": {name: {"type": "string"}}}  # null is none
        for name in ("training_file_id", "template_id")]})

    template_id: UUID | None = None
    training_file_id: UUID | None = None
    preset: PresetName = "balanced"
    hyperparameters: GivenHyperparameters = Field(
        default_factory=GivenHyperparameters, description="Single values that replace those of the preset.")
    name: Name = Field(default="", description="Made from file, preset and time when empty.")
    description: Description = ""
    notes: Notes = ""
    tags: Tags = Field(default_factory=list)
    client: Label = Field(default="", description="For whom the model is trained.")
    project: Label = ""
    gpu_type: GpuType | None = Field(default=None, description="The installation's own default when absent.")
    gpu_pricing_tier: PricingTier = PricingTier.SPOT
    max_duration_s: int = Field(default=24 * 3600, ge=60, le=24 * 3600)
    start: bool = Field(default=False, description="Start at once. When the budget refuses, nothing is created.")


class EditJob(Body):
    """Only what is given changes."""

    name: GivenName | None = None
    description: Description | None = None
    notes: Notes | None = Field(default=None, description="Markdown; every text is kept (`.../notes/history`).")
    notes_revision: int | None = Field(
        default=None, ge=0, le=2**31 - 1,
        description="The revision that `notes` is an edit of; a 409 with both texts when there is a newer one. Without "
                    "it `notes` replaces any.")
    tags: Tags | None = None
    client: Label | None = None
    project: Label | None = None


class JobListQuery(Request):
    status: Annotated[list[JobStatus], CommaSeparated] = Field(default_factory=list)
    preset: Annotated[list[PresetName], CommaSeparated] = Field(default_factory=list)
    tier: Annotated[list[PricingTier], CommaSeparated] = Field(default_factory=list)
    creator: Annotated[list[PlainText], CommaSeparated] = Field(
        default_factory=list, description="Ids, or names or addresses of members; any of them.")
    tag: Annotated[list[Tag], CommaSeparated] = Field(default_factory=list, description="All of them.")
    client: list[Label] = Field(default_factory=list, description="Any of them, as a whole; a comma is part of a name.")
    project: list[Label] = Field(default_factory=list, description="Any of them, as a whole.")
    training_file_id: UUID | None = None
    template_id: UUID | None = Field(default=None, description="Made from this template.")
    created_after: Moment | None = None
    created_before: Moment | None = None
    min_cost: Money | None = Field(default=None, description="US dollars")
    max_cost: Money | None = Field(default=None, description="US dollars")
    q: Annotated[PlainText, Field(max_length=200)] = Field(default="", description="In name, notes and tags.")
    sort: Literal["created_at", "cost", "duration", "name", "status"] = "created_at"
    order: Literal["asc", "desc"] = "desc"
    view: Literal["full", "compact"] = Field(
        default="full", description="compact: what a table shows, without configuration, estimate and texts.")
    limit: int = Field(default=20, ge=1, le=100)
    after: Annotated[PlainText, Field(max_length=2_000)] | None = Field(
        default=None, description="next_cursor of the page before.")
    format: Literal["csv"] | None = Field(
        default=None, description="Everything that matches as one file, in the order of `sort`, instead of a page.")


class StatusReasonView(View):
    code: str
    message: str
    suggested_fix: str


class AdjustmentView(View):
    field: str
    from_: Any = Field(alias="from")
    to: Any


class ErrorView(View):
    """Why a job failed: an entry of the error catalogue, filled with this job's numbers."""

    code: ErrorCode
    error_type: TrainingErrorType
    class_: FailureClass = Field(alias="class", description="Who acts: the user, nobody but a retry, the operator")
    title: str
    problem: str
    likely_cause: str = Field(description="Empty where no figures are known")
    detail: str = Field(description="What the trainer or the provisioner said")
    what_to_do: str
    suggested_edits: list[AdjustmentView] = Field(description="What a retry proposes to change")
    retryable: bool = Field(description="The same configuration may succeed")
    docs_url: str


class RetrySuggestionView(View):
    """What was suggested against the error of the job that this one retries."""

    error_code: str
    edits: list[AdjustmentView]
    followed: bool = Field(description="This job has every one of these edits")


class ConfigurationView(View):
    preset: str
    hyperparameters: dict[str, Any]
    base_model: str
    gpu_type: GpuType
    gpu_pricing_tier: PricingTier
    max_duration_s: int


class ProgressView(View):
    """After an interruption progress stands at the checkpoint that is safe; what came after it is done again."""

    percentage: float
    step: int = Field(description="Steps that count: of the present attempt, or up to the checkpoint that is safe")
    total_steps: int | None
    safe_step: int | None = Field(description="The checkpoint from which the job can go on")
    redoing_from: int | None = Field(description="Steps after this one, up to redoing_to, are done a second time")
    redoing_to: int | None
    message: str


class InterruptionsView(View):
    """The attempts and what they cost: GET /api/training/jobs/{job_id}/attempts."""

    count: int
    sentence: str


class JobView(View):
    object: Literal["training_job"]
    id: UUID
    workspace_id: UUID
    training_file_id: UUID
    training_file_name: str
    name: str
    description: str
    notes: str
    notes_revision: int = Field(description="Counts the texts that the notes have had; 0 before the first")
    tags: list[str]
    client: str
    project: str
    preset: str
    configuration: ConfigurationView
    differences_from_preset: list[ConfigurationDifference]
    base_model: str
    gpu_type: GpuType
    gpu_pricing_tier: PricingTier
    status: JobStatus
    status_reason: StatusReasonView | None
    queue: QueueView | None = Field(description="null unless the job waits for its turn or for a machine")
    allowed_actions: list[JobAction]
    current_stage: JobStatus | None
    attempt: int
    progress_percentage: float
    queued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    current_epoch: float | None
    current_step: int | None
    total_steps: int | None
    latest_loss: float | None
    latest_validation_loss: float | None
    latest_learning_rate: float | None
    latest_perplexity: float | None
    last_checkpoint_step: int | None
    cost_estimate: float | None = Field(description="US dollars")
    cost_estimate_micro_usd: int | None
    estimate: dict[str, Any] | None
    actual_cost: float = Field(description="US dollars, current while the job runs")
    actual_cost_micro_usd: int
    cost_is_final: bool
    estimated_duration_minutes: int | None
    estimated_duration_seconds: float | None
    actual_duration_minutes: int | None
    duration_seconds: int
    estimated_time_remaining_minutes: int | None
    estimated_time_remaining_seconds: float | None
    error_type: str | None
    error_message: str | None
    error: ErrorView | None = Field(description="null unless the job failed")
    retry_count: int
    checkpoint_recovery_count: int
    provider: str | None
    runpod_job_id: str | None = Field(description="Name of the newest attempt's machine, whatever the provider")
    runpod_instance_id: str | None = Field(description="The provider's id of that machine")
    validation: dict[str, Any] | None = Field(description=VALIDATION)
    template_id: UUID | None = Field(description="The template it was made from, which may be deleted since")
    retry_of: UUID | None
    continues: UUID | None = Field(description="The job whose checkpoint this one goes on from")
    continues_from_step: int | None = Field(description="Counted in that job's steps")
    continued_by: list[UUID] = Field(description="Jobs that go on from a checkpoint of this one")
    resume_blocked_reason: str | None = Field(description="Why neither resume nor continue is possible; null: one is")
    adjustments: list[AdjustmentView]
    retry_suggestion: RetrySuggestionView | None
    last_event_seq: int
    progress: ProgressView
    interruptions: InterruptionsView
    created_by: str
    created_by_name: str | None = Field(description=CREATED_BY_NAME)
    created_at: datetime
    updated_at: datetime


class CompactJobView(View):
    """A job in a list with `view=compact`; the fields are those of the full view."""

    object: Literal["training_job"]
    id: UUID
    name: str
    tags: list[str]
    client: str
    project: str
    template_id: UUID | None
    training_file_id: UUID
    preset: str
    gpu_type: GpuType
    gpu_pricing_tier: PricingTier
    status: JobStatus
    queue: QueueView | None
    allowed_actions: list[JobAction]
    current_stage: JobStatus | None
    progress_percentage: float
    current_epoch: float | None
    current_step: int | None
    total_steps: int | None
    latest_loss: float | None
    error_type: str | None
    retry_count: int
    cost_estimate: float | None = Field(description="US dollars")
    cost_estimate_micro_usd: int | None
    actual_cost: float = Field(description="US dollars, current while the job runs")
    actual_cost_micro_usd: int
    cost_is_final: bool
    duration_seconds: int
    estimated_time_remaining_seconds: float | None
    created_by: str
    created_by_name: str | None = Field(description=CREATED_BY_NAME)
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime


class JobList(View):
    object: Literal["list"]
    data: list[JobView] | list[CompactJobView]
    has_more: bool
    next_cursor: str | None


class Deleted(View):
    object: Literal["training_job"]
    id: UUID
    deleted: Literal[True]
