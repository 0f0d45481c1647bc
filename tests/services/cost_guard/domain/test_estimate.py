import math

import pytest

from contracts.gpus import GpuType, PricingTier
from contracts.presets import PRESETS
from services.cost_guard.domain.estimate import RateUnknown, cost_micro_usd, explain, price, rate_of, workload


def test_workload_counts_steps_as_the_trainer_does() -> None:
    work = workload(PRESETS["balanced"].hyperparameters, conversations=12, tokens=24_000)
    assert work.steps == 3 * math.ceil(10 / 4)
    assert work.training_tokens == 60_000


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
    with pytest.raises(RateUnknown):
        rate_of({}, GpuType.LOCAL, PricingTier.SPOT)
