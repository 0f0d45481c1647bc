"""Price a request with the rates and the experience of this moment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.rpc.costs import BudgetView, DurationRange, Estimate, EstimateRequest, Range, TierEstimate
from services.cost_guard.adapters.repository import jobs, rates
from services.cost_guard.domain.budget import BudgetState
from services.cost_guard.domain.estimate import Priced, RateTable, cost_micro_usd, explain, offered, price, rate_of
from services.cost_guard.domain.estimate import workload as workload_of
from services.cost_guard.domain.throughput import experience_key


@dataclass(frozen=True)
class Quote:
    """A priced request. `experience_key` names the runs it was learnt from, and will teach."""

    request: EstimateRequest
    rates: RateTable
    rate: int
    priced: Priced
    cost: Range
    experience_key: str


async def quote(connection: AsyncConnection, request: EstimateRequest, now: datetime) -> Quote:
    """Raises RateUnknown."""
    table = {pair: rate.micro_usd_per_hour for pair, rate in (await rates.valid_at(connection, now)).items()}
    rate = rate_of(table, request.gpu_type, request.pricing_tier)
    work = workload_of(request.hyperparameters, request.conversations, request.tokens, request.done_epochs)
    key = experience_key(request.gpu_type, request.base_model)
    priced = price(request.gpu_type, work, await jobs.throughput_log_errors(connection, key))
    return Quote(request, table, rate, priced, _range(rate, priced), key)


def estimate_of(quoted: Quote, state: BudgetState) -> Estimate:
    request, priced = quoted.request, quoted.priced
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
        explanation=explain(priced),
        tiers=_tiers(quoted),
        budget=budget_view(state),
        allowed_to_proceed=quoted.cost.high <= state.available_micro_usd,
    )


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


def _tiers(quoted: Quote) -> tuple[TierEstimate, ...]:
    request = quoted.request
    return tuple(
        TierEstimate(pricing_tier=tier, rate_micro_usd_per_hour=rate, cost_micro_usd=_range(rate, quoted.priced))
        for tier, rate in offered(quoted.rates, request.gpu_type, request.pricing_tier)
    )
