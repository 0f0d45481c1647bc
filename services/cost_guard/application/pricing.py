"""Price a request with the rates and the experience of this moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.gpus import PricingTier
from contracts.job_status import JobStatus
from contracts.rpc.costs import (
    BudgetView,
    DurationRange,
    Estimate,
    EstimatePart,
    EstimateRequest,
    Range,
    RateSource,
    TierEstimate,
)
from contracts.rpc.pods import Price
from services.cost_guard.adapters.repository import jobs, rates
from services.cost_guard.domain.budget import BudgetState
from services.cost_guard.domain.estimate import (
    Priced,
    RateTable,
    Workload,
    cost_micro_usd,
    explain,
    offered_tiers,
    planned_tier,
    price,
    rate_of,
    with_offered_prices,
)
from services.cost_guard.domain.estimate import workload as workload_of
from services.cost_guard.domain.throughput import experience_key


@dataclass(frozen=True)
class Quote:
    """A priced request. `offered`: the provider's prices of the moment, which stand in `rates`. `experience_key` names
    the runs it was learnt from, and will teach."""

    request: EstimateRequest
    rates: RateTable
    offered: Mapping[PricingTier, Price]
    rate: int
    workload: Workload
    log_errors: Sequence[float]
    experience_key: str

    def price_of(self, tier: PricingTier) -> Price | None:
        """The provider's price that this tier is planned with; None: with the configured rate."""
        return self.offered.get(planned_tier(self.rates, self.request.gpu_type, tier))

    def priced_as(self, tier: PricingTier) -> Priced:
        """With the speed of the card that this tier is planned with."""
        return price(self.request.gpu_type, self.workload, self.log_errors, self.price_of(tier))

    @property
    def priced(self) -> Priced:
        return self.priced_as(self.request.pricing_tier)

    @property
    def cost(self) -> Range:
        return _range(self.rate, self.priced)


@dataclass(frozen=True)
class Experience:
    """How far runs of the same kind were from what was foretold: of all workspaces, and nothing else of them."""

    key: str
    log_errors: Sequence[float]


async def experience(database: Database, request: EstimateRequest) -> Experience:
    key = experience_key(request.gpu_type, request.base_model)
    with every_workspace():
        async with database.read() as connection:
            return Experience(key, await jobs.throughput_log_errors(connection, key))


async def quote(
    connection: AsyncConnection, request: EstimateRequest, offered: Iterable[Price], learnt: Experience, now: datetime
) -> Quote:
    """`offered` was asked for before: nobody is asked in a transaction. Raises RateUnknown."""
    configured = {pair: rate.micro_usd_per_hour for pair, rate in (await rates.valid_at(connection, now)).items()}
    prices = {price.pricing_tier: price for price in offered}
    table = with_offered_prices(configured, request.gpu_type, prices.values())
    rate = rate_of(table, request.gpu_type, request.pricing_tier)
    work = workload_of(request.hyperparameters, request.conversations, request.tokens, request.done_epochs)
    return Quote(request, table, prices, rate, work, learnt.log_errors, learnt.key)


def estimate_of(quoted: Quote, state: BudgetState) -> Estimate:
    request, priced = quoted.request, quoted.priced
    offered = quoted.price_of(request.pricing_tier)
    return Estimate(
        gpu_type=request.gpu_type,
        pricing_tier=request.pricing_tier,
        duration=DurationRange(
            low_s=priced.duration.low_s, expected_s=priced.duration.expected_s, high_s=priced.duration.high_s
        ),
        cost_micro_usd=quoted.cost,
        rate_micro_usd_per_hour=quoted.rate,
        total_training_tokens=priced.workload.training_tokens,
        total_steps=priced.workload.steps,
        throughput_tokens_per_s=priced.workload.training_tokens / priced.duration.expected_s,
        based_on_runs=priced.runs,
        explanation=explain(priced, quoted.rate, offered),
        tiers=_tiers(quoted),
        budget=budget_view(state),
        allowed_to_proceed=quoted.cost.high <= state.available_micro_usd,
        parts=_parts(quoted.rate, priced),
        **_source(offered),
    )


# No run tells the stages of a start apart in what it teaches: they are one part.
_START = (JobStatus.PROVISIONING, JobStatus.PREPROCESSING, JobStatus.MODEL_LOADING)


def _parts(rate: int, priced: Priced) -> tuple[EstimatePart, ...]:
    """They add up to what is expected, cents included."""
    start, finish = cost_micro_usd(rate, priced.start_s), cost_micro_usd(rate, priced.finish_s)
    rest = max(0, cost_micro_usd(rate, priced.duration.expected_s) - start - finish)
    return (EstimatePart(name="start", stages=_START, expected_s=priced.start_s, cost_micro_usd=start),
            EstimatePart(name="training", stages=(JobStatus.TRAINING,), expected_s=priced.training_s,
                         cost_micro_usd=rest),
            EstimatePart(name="finish", stages=(JobStatus.FINALIZATION,), expected_s=priced.finish_s,
                         cost_micro_usd=finish))


def budget_view(state: BudgetState) -> BudgetView:
    return BudgetView(
        month=state.month,
        limit_micro_usd=state.limit_micro_usd,
        spent_micro_usd=state.spent_micro_usd,
        reserved_micro_usd=state.reserved_micro_usd,
        available_micro_usd=state.available_micro_usd,
    )


def _range(rate: int, priced: Priced) -> Range:
    duration = priced.duration
    return Range(
        low=cost_micro_usd(rate, duration.low_s),
        expected=cost_micro_usd(rate, duration.expected_s),
        high=cost_micro_usd(rate, duration.high_s),
    )


def _source(offered: Price | None) -> dict[str, Any]:
    if offered is None:
        return {"rate_source": RateSource.CONFIGURED}
    return {"rate_source": RateSource.PROVIDER, "gpu_model": offered.gpu_model}


def _tiers(quoted: Quote) -> tuple[TierEstimate, ...]:
    request = quoted.request
    return tuple(
        TierEstimate(pricing_tier=tier, rate_micro_usd_per_hour=rate,
                     cost_micro_usd=_range(rate, quoted.priced_as(tier)), **_source(quoted.price_of(tier)))
        for tier, rate in offered_tiers(quoted.rates, request.gpu_type, request.pricing_tier)
    )
