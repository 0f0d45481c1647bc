import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.gpus import GpuType, PricingTier
from contracts.presets import PRESETS
from services.cost_guard.domain.billing import BilledInterval, billed_seconds, month_bounds, spent_in_month, total_cost
from services.cost_guard.domain.budget import BudgetState, crossed_thresholds, is_exceeded, refusal, still_reserved
from services.cost_guard.domain.estimate import cost_micro_usd, explain, price, rate_of, workload
from services.cost_guard.domain.throughput import PRIORS, predict, student_t_quantile

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_one_spot_hour_costs_the_rate() -> None:
    interval = BilledInterval(2_490_000, NOON, NOON + HOUR)
    assert total_cost([interval], NOON + 2 * HOUR) == 2_490_000
    assert billed_seconds([interval], NOON + 2 * HOUR) == 3600


def test_an_open_interval_costs_up_to_now_and_a_clock_set_back_costs_nothing() -> None:
    interval = BilledInterval(7_990_000, NOON, None)
    assert total_cost([interval], NOON + HOUR / 2) == 3_995_000
    assert total_cost([interval], NOON - HOUR) == 0


@given(st.integers(0, 40 * 24 * 3600), st.integers(1, 40 * 24 * 3600))
def test_months_share_an_interval_without_loss(offset: int, length: int) -> None:
    since = datetime(2026, 10, 20, tzinfo=UTC) + timedelta(seconds=offset)
    interval = BilledInterval(3_600_000, since, since + timedelta(seconds=length))  # a thousand micro-dollars a second
    later = since + timedelta(days=400)
    shares = sum(spent_in_month([interval], f"{2026 + n // 12}-{n % 12 + 1:02}", later) for n in range(9, 26))
    assert shares == total_cost([interval], later) == 1000 * length


def test_december_ends_in_january() -> None:
    assert month_bounds("2026-12") == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_a_refusal_says_figures_and_the_way_out() -> None:
    state = BudgetState(
        "2026-11", limit_micro_usd=500_000_000, spent_micro_usd=480_000_000, reserved_micro_usd=5_000_000
    )
    words = refusal(state, 40_000_000)
    assert words is not None
    for figure in ("$40.00", "$15.00", "$500.00", "$480.00", "$5.00", "$525.00"):
        assert figure in words
    assert refusal(state, 15_000_000) is None


def test_thresholds_and_excess() -> None:
    state = BudgetState("2026-11", 100, 96, 0)
    assert crossed_thresholds(state, (80, 95)) == (80, 95)
    assert not is_exceeded(state)
    assert is_exceeded(BudgetState("2026-11", 100, 101, 0))
    assert crossed_thresholds(BudgetState("2026-11", 0, 0, 0), (80,)) == ()
    assert still_reserved(10, 4) == 6
    assert still_reserved(10, 14) == 0


@pytest.mark.parametrize(("freedom", "expected"), [(4, 1.533), (10, 1.372), (24, 1.318)])
def test_t_quantile_against_the_printed_table(freedom: int, expected: float) -> None:
    assert student_t_quantile(0.9, freedom) == pytest.approx(expected, rel=0.01)


def test_workload_counts_steps_as_the_trainer_does() -> None:
    work = workload(PRESETS["balanced"].hyperparameters, conversations=12, tokens=24_000)
    assert work.steps == 3 * math.ceil(10 / 4)
    assert work.training_tokens == 60_000


def test_the_interval_starts_wide_and_narrows_as_runs_agree() -> None:
    prior = PRIORS[GpuType.H100_PCIE_80GB]
    before = predict(prior, 3600, [])
    after = predict(prior, 3600, [0.30, 0.31, 0.29, 0.30, 0.32, 0.28, 0.30, 0.31])
    assert before.expected_s == pytest.approx(3600)
    assert before.low_s < 3600 < before.high_s
    assert after.high_s / after.low_s < before.high_s / before.low_s
    # Eight runs of 35 % more than predicted pull the expectation most of the way there.
    assert after.expected_s == pytest.approx(3600 * math.exp(0.30 * 8 / 10), rel=0.01)


@given(st.lists(st.floats(-1, 1), max_size=30))
def test_the_expectation_lies_inside_its_interval(errors) -> None:
    duration = predict(PRIORS[GpuType.LOCAL], 60, errors)
    assert 0 < duration.low_s <= duration.expected_s <= duration.high_s


def test_the_published_job_is_hours_not_half_a_day() -> None:
    """242 conversations, balanced: published single-GPU figures put it between half an hour and a few hours."""
    work = workload(PRESETS["balanced"].hyperparameters, conversations=242, tokens=705_000)
    priced = price(GpuType.H100_PCIE_80GB, work, [])
    assert 1800 < priced.duration.expected_s < 4 * 3600
    assert "no finished run yet" in explain(priced)


def test_rates_and_rounding() -> None:
    rates = {(GpuType.LOCAL, PricingTier.SPOT): 1, (GpuType.LOCAL, PricingTier.ON_DEMAND): 3}
    assert rate_of(rates, GpuType.LOCAL, PricingTier.AUTO) == 3
    assert cost_micro_usd(100_000, 1.0) == 28  # 27.8, rounded up
    with pytest.raises(KeyError):
        rate_of({}, GpuType.LOCAL, PricingTier.SPOT)
