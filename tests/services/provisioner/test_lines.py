"""Who asked for a machine first gets one first, and who gets none is told where he stands."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from contracts.events import JobCancelRequested
from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import NoCapacity, TierSoldOut
from tests.services.provisioner.world import World, completed, start_request

RETRY_S = 15.0


@pytest.fixture
def two_places(world: World) -> World:
    world.provider.places = 2
    return world


async def requested(world: World, count: int, **changes) -> list[UUID]:
    """Jobs asked for one after the other."""
    jobs = []
    for _ in range(count):
        start = start_request(**changes)
        await world.deliver(start)
        jobs.append(start.job_id)
        world.clock.advance(0.001)
    return jobs


async def settle(world: World) -> None:
    """Until nobody gets a machine any more."""
    quiet = 0
    while quiet < 2:
        before = len(world.provider.requests)
        await world.settle(0.3)
        quiet = quiet + 1 if len(world.provider.requests) == before else 0


def order(world: World) -> list[str]:
    return [request.name for request in world.provider.requests]


async def test_ten_jobs_on_two_places_start_exactly_in_the_order_in_which_they_were_asked_for(two_places) -> None:
    world = two_places
    jobs = await requested(world, 10)
    await settle(world)
    assert order(world) == [pod_name(job, 1) for job in jobs[:2]]
    for job in jobs:
        assert pod_name(job, 1) in world.provider.machines  # the next ones
        await world.deliver(completed(job))
        await world.settle(world.policy.timeouts.finish_grace_s)
        await settle(world)
    assert order(world) == [pod_name(job, 1) for job in jobs]


async def test_those_that_wait_are_told_their_place_and_are_not_asked_for(two_places) -> None:
    world = two_places
    jobs = await requested(world, 5)
    await settle(world)
    await world.settle(RETRY_S)
    told = {event.data.job_id: event.data for event in await world.published() if event.data.event == "waiting"}
    assert [told[job].ahead for job in jobs[2:]] == [0, 1, 2]
    assert "2 places are taken" in told[jobs[2]].reason
    assert [(await world.pods(job))[0].status for job in jobs] == [PodStatus.RUNNING] * 2 + [PodStatus.REQUESTED] * 3
    late, = await requested(world, 1)
    await settle(world)
    assert [event.data.event for event in await world.published() if event.data.job_id == late] == ["waiting"]


async def test_an_attempt_that_replaces_a_lost_one_keeps_its_place(two_places) -> None:
    world = two_places
    jobs = await requested(world, 4)
    await settle(world)
    world.provider.exits(pod_name(jobs[0], 1), 137)
    await world.settle(5)
    await settle(world)
    assert order(world)[2:] == [pod_name(jobs[0], 2)]


async def test_who_is_cancelled_in_line_holds_nobody_up(two_places) -> None:
    world = two_places
    jobs = await requested(world, 4)
    await settle(world)
    await world.deliver(_cancel(jobs[2]))
    await world.deliver(_cancel(jobs[0]))
    await settle(world)
    assert order(world)[2:] == [pod_name(jobs[3], 1)]


async def test_waiting_for_one_tier_holds_up_no_other_where_tiers_differ(world: World) -> None:
    world.provider.name = "runpod"
    world.provider.faults.before_create += [NoCapacity("no spot")]
    card = {"gpu_type": GpuType.H100_PCIE_80GB}
    spot, = await requested(world, 1, **card, pricing_tier=PricingTier.SPOT)
    await world.settle()
    second, = await requested(world, 1, **card, pricing_tier=PricingTier.SPOT)
    dear, = await requested(world, 1, **card, pricing_tier=PricingTier.ON_DEMAND)
    await world.settle()
    assert order(world) == [pod_name(dear, 1)]
    await world.settle(RETRY_S)
    await settle(world)
    assert order(world)[1:] == [pod_name(spot, 1), pod_name(second, 1)]


async def test_the_wait_for_capacity_is_none_for_the_machine_to_come_up(world: World) -> None:
    world.provider.faults.before_create += [NoCapacity("full")]
    world.provider.starting = True
    job_id = await world.started()
    world.clock.advance(world.policy.timeouts.provisioning_s + 60)
    await world.settle()
    assert await world.kinds() == ["pod.requested a1", "pod.waiting a1", "pod.requested a1"]
    await world.settle(60)
    assert (await world.pods(job_id))[0].status is PodStatus.CREATING


async def test_auto_behind_others_takes_on_demand_when_its_time_is_over(world: World) -> None:
    world.provider.name = "runpod"
    world.provider.faults.before_create += [TierSoldOut("sold out")] * 20
    card = {"gpu_type": GpuType.H100_PCIE_80GB}
    await requested(world, 1, **card, pricing_tier=PricingTier.SPOT)
    await world.settle()
    behind, = await requested(world, 1, **card, pricing_tier=PricingTier.AUTO)
    await world.settle()
    assert (await world.pods(behind))[0].pricing_tier is PricingTier.SPOT
    world.clock.advance(timedelta(seconds=world.policy.retry.spot_wait_s).total_seconds())
    await world.settle()
    assert (await world.pods(behind))[0].pricing_tier is PricingTier.ON_DEMAND


def _cancel(job_id: UUID) -> JobCancelRequested:
    return JobCancelRequested(job_id=job_id, workspace_id=start_request().workspace_id, requested_by="ada")
