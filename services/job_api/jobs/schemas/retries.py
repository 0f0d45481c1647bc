"""Retries: what is asked, and what is proposed."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from contracts.gpus import PricingTier
from services.job_api.edge.fields import Body, Name, Notes, View
from services.job_api.jobs.schemas.jobs import AdjustmentView, ConfigurationView, ErrorView, GivenHyperparameters


class RetryJob(Body):
    confirm: bool | None = Field(
        default=None,
        description="false: only say what the retry would change (nothing is created). true: make and start it. "
        "Absent, as in earlier releases: the job is created with the changes of hyperparameters only, and waits for "
        "its start unless `start` says otherwise.")
    name: Name = ""
    notes: Notes | None = None
    hyperparameters: GivenHyperparameters = Field(
        default_factory=GivenHyperparameters, description="Go before what is suggested.")
    apply_adjustments: bool = Field(
        default=True, description="Change what answers the error (the job's `error.suggested_edits`).")
    gpu_pricing_tier: PricingTier | None = None
    max_duration_s: int | None = Field(default=None, ge=60, le=24 * 3600)
    start: bool = Field(default=False, description="Start at once; `confirm` does so in any case.")


class SuccessView(View):
    """How earlier retries went; those that were cancelled do not count."""

    retries: int
    ended: int
    completed: int
    success_rate: float | None = Field(description="completed / ended; null before one has ended")


class RetryProposal(View):
    """What a retry would do. Repeat the request with `confirm: true` to make and start it."""

    object: Literal["training_job.retry_proposal"]
    job_id: UUID
    name: str
    error: ErrorView | None = Field(description="null for a job that did not fail")
    differences: list[AdjustmentView] = Field(description="Every value that the new job would have otherwise")
    follows_suggestion: bool = Field(description="All that is suggested is among the differences")
    suggestion_success: SuccessView = Field(description="Of this workspace's retries that followed this suggestion")
    configuration: ConfigurationView
    estimate: dict[str, Any] | None = Field(description="As in a job; null when nobody could tell")
    cost_estimate: float | None = Field(description="US dollars")
    cost_estimate_micro_usd: int | None
    estimated_duration_seconds: float | None
