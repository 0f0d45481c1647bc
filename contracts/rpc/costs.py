"""What services ask cost_guard. Amounts are integer micro-dollars, durations seconds."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.job_status import JobStatus
from contracts.rpc.spec import Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RateSource(StrEnum):
    """Whose price it is: the provider's (of the moment, or of the machine itself), or the configured rate."""

    PROVIDER = "provider"
    CONFIGURED = "configured"


class EstimateRequest(Model):
    """Exact token counts come from the training file; `training_tokens` counts one epoch of the training split."""

    workspace_id: UUID
    gpu_type: GpuType
    pricing_tier: PricingTier
    hyperparameters: Hyperparameters
    conversations: int = Field(ge=0)
    tokens: int = Field(ge=0)
    base_model: str = ""
    # What a checkpoint has behind it already, in epochs: only the rest is priced.
    done_epochs: float = Field(ge=0, default=0.0)


class Range(Model):
    low: int = Field(ge=0)
    expected: int = Field(ge=0)
    high: int = Field(ge=0)


class DurationRange(Model):
    low_s: float
    expected_s: float
    high_s: float


class TierEstimate(Model):
    pricing_tier: PricingTier
    rate_micro_usd_per_hour: int
    cost_micro_usd: Range
    rate_source: RateSource = RateSource.CONFIGURED
    gpu_model: str = ""


class EstimatePart(Model):
    """A stretch of the expected duration: which stages of the job it covers, and what they cost at the hourly rate."""

    name: str
    stages: tuple[JobStatus, ...]
    expected_s: float
    cost_micro_usd: int = Field(ge=0)


class BudgetView(Model):
    month: str
    limit_micro_usd: int
    spent_micro_usd: int
    reserved_micro_usd: int
    available_micro_usd: int


class Estimate(Model):
    """80 % interval. `tiers` prices the same duration for every tier of this GPU; the first is the chosen one."""

    gpu_type: GpuType
    pricing_tier: PricingTier
    duration: DurationRange
    cost_micro_usd: Range
    rate_micro_usd_per_hour: int
    total_training_tokens: int
    total_steps: int
    throughput_tokens_per_s: float
    based_on_runs: int
    explanation: str
    tiers: tuple[TierEstimate, ...]
    budget: BudgetView
    allowed_to_proceed: bool
    rate_source: RateSource = RateSource.CONFIGURED
    gpu_model: str = ""
    # What the expected duration and cost are made of, in order; empty from an older cost_guard.
    parts: tuple[EstimatePart, ...] = ()


class ReserveRequest(Model):
    """Reserve the upper end of the estimate before a start.

    `reservation_id` is the caller's name for this try: asked again it is the same reservation, another id for a job
    that does not run yet replaces it, and only who knows the id can release it. `resumes`: the job has run before; the
    money is for what remains of it, beside what it holds while it runs.
    """

    job_id: UUID
    job_name: str
    requested_by: str
    estimate: EstimateRequest
    reservation_id: UUID | None = None
    resumes: bool = False

    @property
    def workspace_id(self) -> UUID:
        return self.estimate.workspace_id


class ReserveReply(Model):
    """Refused when `accepted` is false; `refusal` then says the figures and the way out."""

    accepted: bool
    reservation_id: UUID | None = None
    reserved_micro_usd: int = 0
    estimate: Estimate
    refusal: str = ""


class ReleaseRequest(Model):
    """Give back what was reserved for a start that did not happen: only the reservation of this id, and never the
    money of a job that runs."""

    job_id: UUID
    workspace_id: UUID
    reservation_id: UUID | None = None


class Released(Model):
    released: bool


class JobCostQuery(Model):
    job_id: UUID
    workspace_id: UUID


class MachineCost(Model):
    """One attempt's machine: from when to when it was billed (`until` null: it still is), and at which rate."""

    attempt: int
    pricing_tier: PricingTier
    gpu_model: str = ""
    rate_micro_usd_per_hour: int
    rate_source: RateSource = RateSource.CONFIGURED
    # The same card on demand; null where nobody knows.
    on_demand_micro_usd_per_hour: int | None = None
    since: datetime
    until: datetime | None = None
    cost_micro_usd: int


class JobCost(Model):
    """Cost up to `as_of`, to the second; null estimate when the job was never estimated. `machines` by attempt."""

    cost_micro_usd: int
    estimate_micro_usd: int | None
    billed_seconds: float
    running: bool
    rate_micro_usd_per_hour: int | None
    as_of: datetime
    machines: tuple[MachineCost, ...] = ()


class SpotSavingsQuery(Model):
    """What spot saved on these jobs of the workspace; others are left out."""

    workspace_id: UUID
    job_ids: tuple[UUID, ...] = Field(max_length=20_000)


class WorkspaceSavingsQuery(Model):
    """What spot saved on all jobs of the workspace but these."""

    workspace_id: UUID
    except_job_ids: tuple[UUID, ...] = Field(default=(), max_length=20_000)


class SpotSavings(Model):
    """Of the jobs that had a spot machine and whose machines' prices on demand are known: what was paid, and what the
    same machine time would have cost on demand. `unknown_jobs` had a spot machine without such a price."""

    jobs: int = 0
    unknown_jobs: int = 0
    paid_micro_usd: int = 0
    on_demand_micro_usd: int = 0


class BudgetQuery(Model):
    workspace_id: UUID


class SetBudget(Model):
    workspace_id: UUID
    limit_micro_usd: int = Field(ge=0, le=10**13)
    changed_by: str


class GpuRate(Model):
    gpu_type: GpuType
    pricing_tier: PricingTier
    micro_usd_per_hour: int = Field(ge=0)
    valid_from: datetime


class RatesQuery(Model):
    workspace_id: UUID


class Rates(Model):
    rates: tuple[GpuRate, ...]


class SetRate(Model):
    gpu_type: GpuType
    pricing_tier: PricingTier
    micro_usd_per_hour: int = Field(ge=0, le=10**12)
    changed_by: str


ESTIMATE = Rpc("cost_guard", "estimate", EstimateRequest, Estimate)
RESERVE = Rpc("cost_guard", "reserve", ReserveRequest, ReserveReply)
RELEASE = Rpc("cost_guard", "release", ReleaseRequest, Released)
JOB_COST = Rpc("cost_guard", "job_cost", JobCostQuery, JobCost)
SPOT_SAVINGS = Rpc("cost_guard", "spot_savings", SpotSavingsQuery, SpotSavings)
WORKSPACE_SAVINGS = Rpc("cost_guard", "workspace_savings", WorkspaceSavingsQuery, SpotSavings)
BUDGET = Rpc("cost_guard", "budget", BudgetQuery, BudgetView)
SET_BUDGET = Rpc("cost_guard", "set_budget", SetBudget, BudgetView)
RATES = Rpc("cost_guard", "rates", RatesQuery, Rates)
SET_RATE = Rpc("cost_guard", "set_rate", SetRate, GpuRate)
