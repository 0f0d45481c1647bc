"""The dearer tier is taken within the job's ceiling, and the words say why."""

from datetime import timedelta

import pytest

from contracts.gpus import PricingTier
from contracts.rpc.pods import Price
from services.provisioner.domain.tier_change import Spending, judge_on_demand, no_spot, projected_micro_usd
from tests.services.provisioner.world import start_request

NOTHING = Spending(0, 0.0)
WHY = "no spot for 10 minutes (2 offers)"


def on_demand(micro_usd: int) -> Price:
    return Price(pricing_tier=PricingTier.ON_DEMAND, gpu_model="m", micro_usd_per_hour=micro_usd)


def job(ceiling: int | None, hours: float = 2):
    return start_request(pricing_tier=PricingTier.AUTO, cost_ceiling_micro_usd=ceiling,
                         estimated_duration_s=timedelta(hours=hours).total_seconds())


def test_within_the_ceiling_it_is_taken_and_the_words_have_both_figures():
    verdict = judge_on_demand(WHY, job(12_500_000), NOTHING, on_demand(3_490_000))
    assert verdict.allowed
    assert verdict.words == f"{WHY}: on-demand at $3.49/h, within the job's ceiling of $12.50"


def test_beyond_the_ceiling_it_is_not_taken():
    verdict = judge_on_demand(WHY, job(5_000_000), NOTHING, on_demand(3_490_000))
    assert not verdict.allowed
    assert verdict.words == (
        f"{WHY}, and on-demand at $3.49/h would bring the job to about $6.98, above its ceiling of $5.00")


@pytest.mark.parametrize(("ceiling", "price"), [(None, on_demand(10**9)), (1, None)])
def test_without_a_ceiling_or_a_price_the_reservation_stands_for_it(ceiling, price):
    assert judge_on_demand(WHY, job(ceiling), NOTHING, price).allowed


def test_what_is_spent_and_what_is_left_both_count():
    half = Spending(1_000_000, 3600.0)
    assert projected_micro_usd(job(None), half, 3_000_000) == 4_000_000
    long_over = Spending(9_000_000, 5 * 3600.0)
    assert projected_micro_usd(job(None), long_over, 3_000_000) == 9_600_000  # a tenth of two hours


def test_why_spot_is_given_up():
    assert no_spot(2, 600, sold=True) == WHY
    assert no_spot(2, 15, sold=True) == "no spot for 15 seconds (2 offers)"
    assert no_spot(2, 0, sold=False) == "the provider offers no spot machines"
