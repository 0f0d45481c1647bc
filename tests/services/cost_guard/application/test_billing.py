"""Billing intervals from events that come in any order, twice or not at all."""

from itertools import permutations

import pytest

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import JOB_COST, SET_RATE, JobCostQuery, SetRate
from tests.services.cost_guard.examples import NOON, SPOT_RATE, hours


async def cost(guard, job) -> tuple[int, bool]:
    found = await guard.request(JOB_COST, JobCostQuery(**job.ids))
    return found.cost_micro_usd, found.running


async def test_a_machine_whose_beginning_was_never_heard_of_is_billed(in_process, job) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(2)))
    assert await cost(in_process, job) == (2 * SPOT_RATE, False)


async def test_an_end_without_a_beginning_ends_the_interval_that_is_known(in_process, job, clock) -> None:
    """It ran, whatever the end says about it: otherwise it would be billed for ever."""
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.terminated(None, NOON + hours(2)))
    clock.advance(100 * 3600)
    assert await cost(in_process, job) == (2 * SPOT_RATE, False)


async def test_a_machine_that_never_ran_costs_nothing(in_process, job, clock) -> None:
    await in_process.deliver(job.requested())
    await in_process.deliver(job.terminated(None, NOON + hours(2)))
    clock.advance(100 * 3600)
    assert await cost(in_process, job) == (0, False)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_end_knows_best_when_the_machine_began(in_process, job, clock, order) -> None:
    heard = [job.requested(), job.running(NOON), job.terminated(NOON + hours(1), NOON + hours(2))]
    for index in order:
        await in_process.deliver(heard[index])
    clock.advance(100 * 3600)
    assert await cost(in_process, job) == (SPOT_RATE, False)


async def test_a_corrected_beginning_has_the_rate_of_its_day(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    clock.advance(3600)
    dearer = SetRate(
        gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.SPOT, micro_usd_per_hour=5_000_000, changed_by="me"
    )
    await in_process.request(SET_RATE, dearer)
    await in_process.deliver(job.terminated(NOON + hours(2), NOON + hours(3)))
    assert await cost(in_process, job) == (5_000_000, False)
