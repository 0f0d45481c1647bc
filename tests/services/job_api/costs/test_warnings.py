"""What is said before a run that is long or dear."""

from typing import Any

import pytest

from contracts.gpus import GpuType, PricingTier
from contracts.rpc import costs
from services.job_api.costs.warnings import warnings


def estimate(usd: float, hours: float = 1, tier: PricingTier = PricingTier.SPOT) -> costs.Estimate:
    def amount(value: float) -> costs.Range:
        micro = round(value * 1_000_000)
        return costs.Range(low=micro, expected=micro, high=micro)

    tiers = tuple(costs.TierEstimate(pricing_tier=each, rate_micro_usd_per_hour=1, cost_micro_usd=amount(price))
                  for each, price in ((tier, usd), (PricingTier.SPOT, usd / 2)))
    budget = costs.BudgetView(month="2026-11", limit_micro_usd=1, spent_micro_usd=0, reserved_micro_usd=0,
                              available_micro_usd=1)
    seconds = hours * 3600
    figures: dict[str, Any] = {"total_training_tokens": 1, "total_steps": 1, "throughput_tokens_per_s": 1.0,
                               "based_on_runs": 0, "explanation": "", "rate_micro_usd_per_hour": 1}
    return costs.Estimate(
        gpu_type=next(iter(GpuType)), pricing_tier=tier, cost_micro_usd=amount(usd), tiers=tiers, budget=budget,
        duration=costs.DurationRange(low_s=seconds, expected_s=seconds, high_s=seconds), allowed_to_proceed=True,
        **figures)


@pytest.mark.parametrize(("usd", "hours", "tier", "codes"), [
    (100, 24, PricingTier.SPOT, []),
    (100.01, 1, PricingTier.SPOT, ["costly"]),
    (1, 24.1, PricingTier.SPOT, ["long"]),
    (151, 1, PricingTier.SPOT, ["costly"]),
    (150, 1, PricingTier.ON_DEMAND, ["costly"]),
    (151, 30, PricingTier.ON_DEMAND, ["long", "costly", "costly_on_demand"]),
])
def test_a_run_is_warned_of(usd, hours, tier, codes) -> None:
    found = warnings(estimate(usd, hours, tier))
    assert [warned.code for warned in found] == codes
    assert [warned.code for warned in found if warned.needs_confirmation] == [
        code for code in codes if code == "costly_on_demand"]


def test_the_price_on_spot_is_named() -> None:
    assert "$100.00" in warnings(estimate(200, tier=PricingTier.ON_DEMAND))[-1].message
