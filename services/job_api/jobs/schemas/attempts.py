"""A job's attempts, and what its interruptions cost."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from services.job_api.edge.fields import View


class AttemptView(View):
    """One machine's part of the job. Steps count from the job's first; amounts are US dollars."""

    object: Literal["training_job.attempt"]
    attempt: int
    outcome: Literal["running", "interrupted", "failed", "replaced", "paused", "stopped", "completed"]
    cause_code: str = Field(description="For programs, such as machine_taken_back or machine_silent; empty: it runs")
    cause: str
    requested_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None = Field(description="When it stopped to work")
    machine_gone_at: datetime | None = Field(description="When the provider confirmed the end of its machine")
    provider: str
    gpu_type: str
    gpu_model: str = Field(description="What the machine really is; empty where the provider does not tell")
    gpu_pricing_tier: str
    tier_reason: str = Field(description="Why it is not the tier that was asked for first")
    resumed_from_step: int | None
    checkpoint_attempt: int | None = Field(description="The attempt that saved the checkpoint it resumed from")
    from_step: int | None
    to_step: int | None
    steps_redone: int = Field(description="Steps of this attempt that an earlier one had done already")
    steps_lost: int = Field(description="Steps that its end undid")
    minutes_lost: float = Field(description="From its end until the job was as far again")
    lost: float = Field(description="What the machines cost in that time")
    lost_micro_usd: int
    billed_from: datetime | None
    billed_until: datetime | None
    rate_source: Literal["provider", "configured"] | None
    rate_per_hour: float | None
    rate_micro_usd_per_hour: int | None
    on_demand_per_hour: float | None = Field(description="The same card on demand; null: nobody tells")
    cost: float
    cost_micro_usd: int


class AttemptTotals(View):
    attempts: int
    interruptions: int
    sentence: str = Field(description="All of this in one line")
    steps_redone: int
    minutes_lost: float
    lost: float
    lost_micro_usd: int
    cost: float
    cost_micro_usd: int
    saved: float | None = Field(
        description="Against the same work on demand without a loss; null without spot machines or a price on demand")
    saved_micro_usd: int | None


class AttemptList(View):
    object: Literal["list"]
    data: list[AttemptView]
    has_more: Literal[False]
    next_cursor: None
    totals: AttemptTotals
