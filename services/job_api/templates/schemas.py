"""Templates: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from contracts.gpus import GpuType, PricingTier
from contracts.presets import ConfigurationDifference
from services.job_api.edge.fields import (
    Body,
    CommaSeparated,
    Description,
    GivenName,
    Label,
    Notes,
    PlainText,
    PresetName,
    Request,
    Tags,
    View,
)
from services.job_api.jobs.schemas.jobs import GivenHyperparameters
from services.job_api.templates.domain.template import LONGEST_RUN_S, TemplateAction, Visibility

Chosen = Literal["private", "shared"]
Seconds = Annotated[int, Field(ge=60, le=LONGEST_RUN_S)]


class CreateTemplate(Body):
    name: GivenName
    description: Description = ""
    visibility: Chosen = Field(default="private", description="shared: with everybody in the workspace.")
    training_file_id: UUID | None = None
    preset: PresetName = "balanced"
    hyperparameters: GivenHyperparameters = Field(
        default_factory=GivenHyperparameters, description="Single values that replace those of the preset.")
    gpu_type: GpuType | None = Field(default=None, description="The installation's own default when absent.")
    gpu_pricing_tier: PricingTier = PricingTier.SPOT
    max_duration_s: Seconds = LONGEST_RUN_S
    notes: Notes = ""
    tags: Tags = Field(default_factory=list)
    client: Label = ""
    project: Label = ""


class EditTemplate(Body):
    """Only what is given changes; null for training file and GPU takes them away."""

    name: GivenName | None = None
    description: Description | None = None
    visibility: Chosen | None = None
    training_file_id: UUID | None = None
    preset: PresetName | None = None
    hyperparameters: GivenHyperparameters | None = Field(
        default=None, description="All single values from now on.")
    gpu_type: GpuType | None = None
    gpu_pricing_tier: PricingTier | None = None
    max_duration_s: Seconds | None = None
    notes: Notes | None = None
    tags: Tags | None = None
    client: Label | None = None
    project: Label | None = None


class SaveJobAsTemplate(Body):
    """What is not given is taken from the job."""

    name: GivenName | None = None
    description: Description | None = None
    visibility: Chosen = "private"
    with_file: bool = Field(default=True, description="Whether the template proposes the job's training file.")
    notes: Notes | None = None
    tags: Tags | None = None


class TemplateListQuery(Request):
    visibility: Annotated[list[Visibility], CommaSeparated] = Field(default_factory=list, description="Any of them.")
    q: Annotated[PlainText, Field(max_length=200)] = Field(default="", description="In name and description.")
    limit: int = Field(default=50, ge=1, le=100)
    after: Annotated[PlainText, Field(max_length=500)] | None = Field(
        default=None, description="next_cursor of the page before.")


class TemplateUsageView(View):
    """Of the workspace's jobs that were made from it. A retry of one is a job of its own."""

    jobs: int
    ended: int = Field(description="Completed or failed; cancelled ones are not counted")
    completed: int
    success_rate: float | None = Field(description="Share of the ended ones that completed; null before one has ended")
    average_cost: float | None = Field(description="US dollars, of the completed ones")
    average_cost_micro_usd: int | None
    last_used_at: datetime | None


class TemplateView(View):
    object: Literal["template"]
    id: UUID
    name: str
    description: str
    visibility: Visibility
    training_file_id: UUID | None
    preset: str
    hyperparameters: dict[str, Any] = Field(description="Single values that replace those of the preset")
    resulting_hyperparameters: dict[str, Any] = Field(description="All values, those of the preset included")
    differences_from_preset: list[ConfigurationDifference]
    gpu_type: GpuType | None
    gpu_pricing_tier: PricingTier
    max_duration_s: int
    notes: str
    tags: list[str]
    client: str
    project: str
    source_job_id: UUID | None = Field(description="The job that it was made from")
    usage: TemplateUsageView
    allowed_actions: list[TemplateAction]
    created_by: str | None = Field(description="null: it comes with the product")
    created_at: datetime | None
    updated_at: datetime | None


class TemplateList(View):
    object: Literal["list"]
    data: list[TemplateView]
    has_more: bool
    next_cursor: str | None


class TemplateDeleted(View):
    object: Literal["template"]
    id: UUID
    deleted: Literal[True]
