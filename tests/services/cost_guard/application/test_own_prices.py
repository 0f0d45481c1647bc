"""Each machine is billed at what its provider charges for it; the configured rate is what nobody told."""

from itertools import permutations

import pytest

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import ESTIMATE, JOB_COST, RESERVE, RateSource
from contracts.rpc.pods import Machine, Price
from services.cost_guard.settings import Settings
from tests.services.cost_guard.examples import NOON, SPOT_RATE, estimate_request, hours
from tests.services.cost_guard.in_process import GivenPrices

OWN = {"gpu_model": "NVIDIA H100 80GB HBM3", "rate_micro_usd_per_hour": 1_925_000,
       "on_demand_micro_usd_per_hour": 3_490_000}


async def cost(guard, job):
    return await guard.request(JOB_COST, job.cost_query())


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_its_own_price_counts_in_whatever_order_it_is_heard(in_process, job, order) -> None:
    heard = [job.requested(), job.running(NOON, **OWN), job.terminated(NOON, NOON + hours(2), **OWN)]
    for index in order:
        await in_process.deliver(heard[index])
    found = await cost(in_process, job)
    assert found.cost_micro_usd == 3_850_000
    (machine,) = found.machines
    assert (machine.gpu_model, machine.rate_source) == (OWN["gpu_model"], RateSource.PROVIDER)
    assert (machine.rate_micro_usd_per_hour, machine.on_demand_micro_usd_per_hour) == (1_925_000, 3_490_000)
    assert (machine.since, machine.until, machine.cost_micro_usd) == (NOON, NOON + hours(2), 3_850_000)


async def test_a_price_that_is_told_only_at_the_end_corrects_the_bill(in_process, job) -> None:
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.terminated(NOON, NOON + hours(1), **OWN))
    assert (await cost(in_process, job)).cost_micro_usd == 1_925_000


async def test_a_price_that_was_told_stays_when_later_words_tell_none(in_process, job) -> None:
    await in_process.deliver(job.running(NOON, **OWN))
    await in_process.deliver(job.terminated(NOON + hours(1), NOON + hours(2)))
    assert (await cost(in_process, job)).cost_micro_usd == 1_925_000


async def test_without_a_price_the_configured_rate_counts_and_says_so(in_process, job) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    (machine,) = (await cost(in_process, job)).machines
    assert (machine.rate_source, machine.cost_micro_usd) == (RateSource.CONFIGURED, SPOT_RATE)
    assert machine.on_demand_micro_usd_per_hour == 7_990_000


async def test_each_attempt_has_its_own_price(in_process, job) -> None:
    dearer = OWN | {"rate_micro_usd_per_hour": 3_490_000}
    await in_process.deliver(job.terminated(NOON, NOON + hours(1), **OWN))
    await in_process.deliver(job.terminated(NOON + hours(1), NOON + hours(2), attempt=2, **dearer))
    found = await cost(in_process, job)
    assert [machine.cost_micro_usd for machine in found.machines] == [1_925_000, 3_490_000]
    assert found.cost_micro_usd == 5_415_000


async def test_the_comparison_with_the_provisioners_list_corrects_the_price(in_process, job, compared_with) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    listed = Machine(**job.ids, attempt=1, provider="runpod", gpu_type=GpuType.H100_PCIE_80GB,
                     pricing_tier=PricingTier.SPOT, running_since=NOON, terminated_at=NOON + hours(1), **OWN)
    await compared_with(listed)
    assert (await cost(in_process, job)).cost_micro_usd == 1_925_000


async def test_an_estimate_takes_the_price_of_the_moment_and_says_whose_it_is(in_process, job) -> None:
    request = estimate_request(job.workspace_id)
    configured = await in_process.request(ESTIMATE, request)
    assert (configured.rate_source, configured.gpu_model) == (RateSource.CONFIGURED, "")
    in_process.give("prices", GivenPrices(
        Price(pricing_tier=PricingTier.SPOT, gpu_model="NVIDIA H100 NVL", micro_usd_per_hour=1_245_000)))
    asked = await in_process.request(ESTIMATE, request)
    assert (asked.rate_micro_usd_per_hour, asked.rate_source, asked.gpu_model) == (
        1_245_000, RateSource.PROVIDER, "NVIDIA H100 NVL")
    assert asked.cost_micro_usd.expected == pytest.approx(configured.cost_micro_usd.expected / 2, abs=1)
    sources = {tier.pricing_tier: tier.rate_source for tier in asked.tiers}
    assert sources == {PricingTier.SPOT: RateSource.PROVIDER, PricingTier.ON_DEMAND: RateSource.CONFIGURED}


async def test_a_start_reserves_at_the_price_of_the_moment(in_process, job) -> None:
    dear = Price(pricing_tier=PricingTier.SPOT, gpu_model="m", micro_usd_per_hour=2 * SPOT_RATE)
    before = (await in_process.request(ESTIMATE, estimate_request(job.workspace_id))).cost_micro_usd.high
    in_process.give("prices", GivenPrices(dear))
    reply = await in_process.request(RESERVE, job.reserve())
    assert reply.reserved_micro_usd == pytest.approx(2 * before, abs=1)
    assert Settings().default_budget_micro_usd > reply.reserved_micro_usd
