"""Price a request with the rates and the experience of this moment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.problems import ProblemError
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import BudgetView, DurationRange, Estimate, EstimateRequest, Range, TierEstimate
from services.cost_guard import budgets, ledger
from services.cost_guard.domain.budget import BudgetState
from services.cost_guard.domain.estimate import Priced, RateTable, cost_micro_usd, explain, price, rate_of, workload
from services.cost_guard.rates import rates_at


@dataclass(frozen=True)
class Estimated:
    """The answer for a person, and what is kept to learn from when the run has ended."""

    estimate: Estimate
    priced: Priced
    key: str


async def estimate(
    connection: AsyncConnection, request: EstimateRequest, state: BudgetState, now: datetime
) -> Estimated:
    """Raises ProblemError `gpu_rate_unknown` when no rate is known for the GPU and tier."""
    rates = {pair: rate.micro_usd_per_hour for pair, rate in (await rates_at(connection, now)).items()}
    rate = _known_rate(rates, request.gpu_type, request.pricing_tier)
    key = f"{request.gpu_type.value}:{request.base_model}"
    work = workload(request.hyperparameters, request.conversations, request.tokens)
    priced = price(request.gpu_type, work, await ledger.log_errors(connection, key))
    costs = _range(rate, priced)
    return Estimated(
        priced=priced,
        key=key,
        estimate=Estimate(
            gpu_type=request.gpu_type,
            pricing_tier=request.pricing_tier,
            duration=DurationRange(
                low_s=priced.duration.low_s, expected_s=priced.duration.expected_s, high_s=priced.duration.high_s
            ),
            cost_micro_usd=costs,
            rate_micro_usd_per_hour=rate,
            total_training_tokens=work.training_tokens,
            total_steps=work.steps,
            throughput_tokens_per_s=work.training_tokens / priced.duration.expected_s,
            based_on_runs=priced.runs,
            explanation=explain(priced),
            tiers=_tiers(rates, request, priced),
            budget=budget_view(state),
            allowed_to_proceed=costs.high <= state.available_micro_usd,
        ),
    )


async def current_state(
    connection: AsyncConnection, request: EstimateRequest, default_limit: int, now: datetime
) -> BudgetState:
    limit = await budgets.limit_of(connection, request.workspace_id, default_limit)
    return await budgets.budget_state(connection, request.workspace_id, limit, now)


def budget_view(state: BudgetState) -> BudgetView:
    return BudgetView(
        month=state.month,
        limit_micro_usd=state.limit_micro_usd,
        spent_micro_usd=state.spent_micro_usd,
        reserved_micro_usd=state.reserved_micro_usd,
        available_micro_usd=state.available_micro_usd,
    )


def _known_rate(rates: RateTable, gpu_type: GpuType, tier: PricingTier) -> int:
    try:
        return rate_of(rates, gpu_type, tier)
    except KeyError:
        raise ProblemError(
            code="gpu_rate_unknown",
            title="No rate for this machine",
            status=422,
            detail=f"There is no hourly rate for {gpu_type.value} as {tier.value}.",
            suggested_fix="An admin can set it with PUT /api/training/rates.",
        ) from None


def _range(rate: int, priced: Priced) -> Range:
    duration = priced.duration
    return Range(
        low=cost_micro_usd(rate, duration.low_s),
        expected=cost_micro_usd(rate, duration.expected_s),
        high=cost_micro_usd(rate, duration.high_s),
    )


def _tiers(rates: RateTable, request: EstimateRequest, priced: Priced) -> tuple[TierEstimate, ...]:
    """The chosen tier first, then the others that have a price of their own."""
    chosen = request.pricing_tier
    others = [tier for tier in (PricingTier.SPOT, PricingTier.ON_DEMAND) if tier is not chosen]
    known = [
        (tier, rate_of(rates, request.gpu_type, tier))
        for tier in (chosen, *others)
        if tier is PricingTier.AUTO or (request.gpu_type, tier) in rates
    ]
    return tuple(
        TierEstimate(pricing_tier=tier, rate_micro_usd_per_hour=rate, cost_micro_usd=_range(rate, priced))
        for tier, rate in known
    )
