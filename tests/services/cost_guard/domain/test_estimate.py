import math
from dataclasses import replace

import pytest

from contracts.gpus import GpuType, PricingTier
from contracts.presets import PRESETS
from contracts.rpc.pods import Price
from services.cost_guard.domain.estimate import (
    RateUnknown,
    cost_micro_usd,
    explain,
    planned_tier,
    price,
    rate_of,
    with_offered_prices,
    workload,
)
from services.cost_guard.domain.throughput import PRIORS, physical_duration_s


def test_workload_counts_steps_as_the_trainer_does() -> None:
    work = workload(PRESETS["balanced"].hyperparameters, conversations=12, tokens=24_000)
    assert work.steps == 3 * math.ceil(10 / 4)
    assert work.training_tokens == 60_000


def test_the_hold_out_is_computed_once_more_than_there_are_epochs() -> None:
    """What was measured at the start and after the last epoch is the comparison of both models."""
    parameters = PRESETS["balanced"].hyperparameters
    assert workload(parameters, conversations=12, tokens=24_000).evaluation_tokens == 4 * 4_000
    assert workload(parameters, conversations=12, tokens=24_000, done_epochs=1.5).evaluation_tokens == 2 * 4_000
    assert workload(parameters, conversations=12, tokens=24_000, done_epochs=3).evaluation_tokens == 4_000


def test_the_published_job_is_hours_not_half_a_day() -> None:
    """242 conversations, balanced: published single-GPU figures put it between half an hour and a few hours."""
    work = workload(PRESETS["balanced"].hyperparameters, conversations=242, tokens=705_000)
    priced = price(GpuType.H100_PCIE_80GB, work, [])
    assert 1800 < priced.duration.expected_s < 4 * 3600
    assert "no finished run yet" in explain(priced, 2_490_000, None)


def test_the_parts_of_a_duration_are_all_of_it_whatever_runs_have_taught() -> None:
    work = workload(PRESETS["balanced"].hyperparameters, conversations=242, tokens=705_000)
    for taught in ([], [0.5] * 5):
        priced = price(GpuType.H100_PCIE_80GB, work, taught)
        parts = (priced.start_s, priced.training_s, priced.finish_s)
        assert sum(parts) == pytest.approx(priced.duration.expected_s)
        assert min(parts) > 0
    assert price(GpuType.H100_PCIE_80GB, work, []).start_s == PRIORS[GpuType.H100_PCIE_80GB].cold_start_s
    assert priced.start_s > PRIORS[GpuType.H100_PCIE_80GB].cold_start_s


def test_the_card_with_the_price_has_its_own_speed() -> None:
    """Its hours cost more, and are fewer: cold start and finish stay what they are."""
    work = workload(PRESETS["balanced"].hyperparameters, conversations=242, tokens=705_000)
    faster = Price(pricing_tier=PricingTier.ON_DEMAND, gpu_model="NVIDIA H100 80GB HBM3",
                   micro_usd_per_hour=3_490_000, relative_speed=1.4)
    own, sxm = (price(GpuType.H100_PCIE_80GB, work, [], card).physical_s for card in (None, faster))
    computed = (work.training_tokens + work.evaluation_tokens / 3) / PRIORS[GpuType.H100_PCIE_80GB].tokens_per_second
    assert own - sxm == pytest.approx(computed * (1 - 1 / 1.4))


def test_a_measured_speed_is_that_of_the_card_it_was_measured_on() -> None:
    prior = replace(PRIORS[GpuType.H100_PCIE_80GB], measured=True)
    assert physical_duration_s(prior, 1000, 0, 1, 1.4) == physical_duration_s(prior, 1000, 0, 1)


def test_an_explanation_says_whose_price_it_is() -> None:
    work = workload(PRESETS["balanced"].hyperparameters, conversations=242, tokens=705_000)
    priced = price(GpuType.H100_PCIE_80GB, work, [])
    asked = Price(pricing_tier=PricingTier.SPOT, gpu_model="NVIDIA H100 NVL", micro_usd_per_hour=1_760_000)
    assert "what the provider asks now for NVIDIA H100 NVL: $1.76/h" in explain(priced, 1_760_000, asked)
    assert "the configured rate of $2.49 an hour" in explain(priced, 2_490_000, None)


def test_auto_is_planned_with_the_dearer_tier_whoever_tells_its_price() -> None:
    gpu = GpuType.H100_PCIE_80GB
    configured = {(gpu, PricingTier.SPOT): 2, (gpu, PricingTier.ON_DEMAND): 8}
    cheap = Price(pricing_tier=PricingTier.ON_DEMAND, gpu_model="m", micro_usd_per_hour=1)
    rates = with_offered_prices(configured, gpu, [cheap])
    assert rate_of(rates, gpu, PricingTier.AUTO) == 2
    assert planned_tier(rates, gpu, PricingTier.AUTO) is PricingTier.SPOT
    assert planned_tier(configured, gpu, PricingTier.AUTO) is PricingTier.ON_DEMAND
    assert planned_tier(rates, gpu, PricingTier.ON_DEMAND) is PricingTier.ON_DEMAND


def test_rates_and_rounding() -> None:
    rates = {(GpuType.LOCAL, PricingTier.SPOT): 1, (GpuType.LOCAL, PricingTier.ON_DEMAND): 3}
    assert rate_of(rates, GpuType.LOCAL, PricingTier.AUTO) == 3
    assert cost_micro_usd(100_000, 1.0) == 28  # 27.8, rounded up
    with pytest.raises(RateUnknown):
        rate_of({}, GpuType.LOCAL, PricingTier.SPOT)
