"""Dollars that nobody wanted to spend are counted; in an ordinary life there are none."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts import events
from contracts.rpc.pods import Leaks, LeaksQuery
from services.provisioner.application.queries.leaks import leaks
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.names import pod_name
from services.provisioner.domain.prices import MachinePrice
from services.provisioner.ports import ProviderError
from tests.services.provisioner.provider_suite import request_for
from tests.services.provisioner.world import WORKSPACE, World, completed, sigterm

RATE = 3_600_000  # a thousand micro-dollars a second


@pytest.fixture(autouse=True)
def priced(world: World) -> None:
    world.provider.price = MachinePrice("a card", RATE, RATE)


def leaked(world: World) -> tuple[float, float]:
    """(machines, dollars)"""
    metrics = world.context.metrics
    return metrics.leaked._value.get(), metrics.leaked_usd.labels("local")._value.get()


async def told(world: World) -> Leaks:
    """Of machines whose job is known, out of the rows: as the operators' view asks."""
    return await leaks(world.context.database, LeaksQuery(since=datetime(2000, 1, 1, tzinfo=UTC)))


async def cancelled(world: World, **kept: bool) -> str:
    job_id = await world.started()
    await world.deliver(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))
    return pod_name(job_id, 1)


async def test_an_ordinary_life_leaks_nothing(world: World) -> None:
    reaper = Reaper(world.context)
    done, stopped, lost = await world.started(), await world.started(), await world.started()
    await world.settle(3600)
    await world.deliver(completed(done))
    await world.deliver(events.JobCancelRequested(job_id=stopped, workspace_id=WORKSPACE, requested_by="someone"))
    await world.deliver(sigterm(lost))
    for _ in range(12):
        await world.settle(5)
        await reaper.reap()
    assert leaked(world) == (0, 0)
    assert (await told(world)).machines == 0
    assert list(world.provider.machines) == [pod_name(lost, 2)]


async def test_a_machine_of_no_job_is_counted_to_the_second_it_was_told_to_end(world: World) -> None:
    await world.provider.create(request_for(pod_name(uuid4(), 1)))
    world.clock.advance(120)
    await Reaper(world.context).reap()
    assert leaked(world) == (1, pytest.approx(0.12))


async def test_one_that_does_not_end_at_once_is_counted_on_and_no_second_twice(world: World) -> None:
    await world.provider.create(request_for(pod_name(uuid4(), 1)))
    reaper = Reaper(world.context)
    for _ in range(3):
        world.clock.advance(100)
        world.provider.faults.terminate = [ProviderError("500")]
        await reaper.reap()
    world.clock.advance(100)
    await reaper.reap()
    await reaper.reap()
    assert leaked(world) == (1, pytest.approx(0.4))


async def test_a_machine_that_came_after_the_end_of_its_job_is_counted_and_billed(world: World) -> None:
    name = await cancelled(world)
    for _ in range(3):
        await world.settle(30)
    world.provider.ended.clear()
    await world.provider.create(request_for(name))
    world.clock.advance(50)
    await Reaper(world.context).reap()
    await world.settle(1)
    machines, dollars = leaked(world)
    assert machines == 1
    assert dollars == pytest.approx(0.05, abs=0.002)
    last = [event.data for event in await world.published() if isinstance(event.data, events.PodTerminated)][-1]
    assert last.rate_micro_usd_per_hour == RATE
    assert (await told(world)).micro_usd == pytest.approx(dollars * 1_000_000, abs=2_000)


async def test_a_machine_that_outlives_its_job_is_counted_after_a_minute(world: World) -> None:
    """Every delete answers 500 for ten minutes."""
    await cancelled(world)
    world.provider.faults.ignore_terminate = True
    for _ in range(20):
        await world.settle(30)
    world.provider.faults.ignore_terminate = False
    await world.settle(5)
    machines, dollars = leaked(world)
    assert world.provider.machines == {}
    assert (machines, dollars) == (0, pytest.approx(0.545, abs=0.01))
    found = await told(world)
    assert (found.machines, found.leaks[0].workspace_id) == (1, WORKSPACE)
    assert found.micro_usd == pytest.approx(dollars * 1_000_000, abs=1)


async def test_machines_that_had_a_name_twice_are_counted_once(world: World) -> None:
    world.provider.losses = [250_000]
    reaper = Reaper(world.context)
    await reaper.reap()
    await reaper.reap()
    assert leaked(world) == (1, pytest.approx(0.25))
