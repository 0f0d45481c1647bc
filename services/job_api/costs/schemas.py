"""Estimates, budgets and rates. Every amount is shown in dollars and, exactly, in micro-dollars."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameter_guide import Kind
from contracts.hyperparameters import HyperparameterOverrides
from contracts.job_status import JobStatus
from contracts.presets import ConfigurationDifference
from contracts.rpc.costs import RateSource
from services.job_api.edge.fields import Body, PresetName, View


class EstimateQuery(HyperparameterOverrides):
    """The file, the preset and single hyperparameters that differ from it."""

    training_file_id: UUID
    template_id: UUID | None = Field(default=None, description="What is not given comes from this template.")
    preset: PresetName = "balanced"
    gpu_type: GpuType | None = None
    gpu_pricing_tier: PricingTier = PricingTier.SPOT


class AmountRange(View):
    low: float
    expected: float
    high: float
    low_micro_usd: int
    expected_micro_usd: int
    high_micro_usd: int


class DurationView(View):
    low_s: float
    expected_s: float
    high_s: float


class TierView(View):
    gpu_pricing_tier: PricingTier
    rate_per_hour: float
    rate_micro_usd_per_hour: int
    rate_source: RateSource = Field(description="provider: what it asks now for gpu_model; configured: the rate table")
    gpu_model: str
    cost: AmountRange


class EstimatePartView(View):
    """A stretch of the expected duration, and what it costs at the hourly rate."""

    name: str
    title: str
    stages: list[JobStatus] = Field(description="The stages of a job that it covers; one figure for all of them")
    expected_s: float
    cost: float = Field(description="US dollars")
    cost_micro_usd: int


class BudgetView(View):
    object: Literal["budget"]
    month: str
    limit: float
    limit_micro_usd: int
    spent: float
    spent_micro_usd: int
    reserved: float
    reserved_micro_usd: int
    available: float
    available_micro_usd: int


class MemoryView(View):
    """GiB at the largest moment, with one longest conversation at once: fewer the trainer cannot compute."""

    needed_gib: float
    available_gib: float
    base_model_gib: float
    adapter_gib: float = Field(description="With gradient and optimizer")
    activations_gib: float
    workspace_gib: float
    longest_conversation_tokens: int
    tokens_at_once: int = Field(description="How many the memory allows to be computed together")


class WarningView(View):
    """`needs_confirmation`: a page asks for a yes before it starts the job; the API itself does not insist."""

    code: str
    message: str
    needs_confirmation: bool


class EstimateView(View):
    object: Literal["cost_estimate"]
    training_file_id: UUID
    preset: str
    hyperparameters: dict[str, Any]
    differences_from_preset: list[ConfigurationDifference]
    gpu_type: GpuType
    gpu_pricing_tier: PricingTier
    cost: AmountRange
    duration: DurationView
    rate_per_hour: float
    rate_micro_usd_per_hour: int
    rate_source: RateSource
    gpu_model: str
    total_training_tokens: int
    total_steps: int
    throughput_tokens_per_s: float
    based_on_runs: int
    explanation: str
    parts: list[EstimatePartView] = Field(description="What duration and cost are made of, in order")
    tiers: list[TierView]
    budget: BudgetView
    allowed_to_proceed: bool
    memory: MemoryView | None = Field(description="null where the base model or the machine is not known")
    warnings: list[WarningView] = Field(description="What to know before such a job is started")


class SetBudget(Body):
    limit: float = Field(ge=0, le=10_000_000, description="US dollars per calendar month")


class RateView(View):
    object: Literal["gpu_rate"]
    gpu_type: GpuType
    gpu_pricing_tier: PricingTier
    per_hour: float
    micro_usd_per_hour: int
    valid_from: datetime


class RateList(View):
    object: Literal["list"]
    data: list[RateView]
    has_more: Literal[False]
    next_cursor: None


class SetRate(Body):
    gpu_type: GpuType
    gpu_pricing_tier: PricingTier
    per_hour: float = Field(ge=0, le=1_000_000, description="US dollars per hour")


class PresetView(View):
    object: Literal["preset"]
    name: str
    title: str
    explanation: str
    best_for: list[str]
    hyperparameters: dict[str, Any]


class HyperparameterView(View):
    name: str
    title: str
    explanation: str
    kind: Kind
    minimum: float | None
    above: float | None = Field(description="The value is larger than this")
    maximum: float | None
    choices: list[str]


class PresetList(View):
    object: Literal["list"]
    data: list[PresetView]
    hyperparameters: list[HyperparameterView] = Field(description="Those worth thinking about come first")
    has_more: Literal[False]
    next_cursor: None
