"""Machines have clocks that differ: what two of them compare is the database's time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.clock import FakeClock
from contracts.error_catalogue import ErrorCode
from contracts.rpc.pods import HEARTBEAT, Heartbeat
from services.provisioner.adapters.repository import leases
from services.provisioner.application.workers import deadlines
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.application.workers.start_failure import why_not_started
from services.provisioner.domain.names import pod_name
from tests.services.provisioner.world import World, start_request


@pytest.fixture(params=[-1, 1], ids=["behind", "ahead"])
def other(world: World, request: pytest.FixtureRequest) -> WorkerContext:
    """A replica on a machine whose clock is an hour off."""
    return replace(world.context, clock=FakeClock(world.clock.now() + request.param * timedelta(hours=1)))


async def test_a_pod_that_speaks_is_not_silent_to_a_replica_with_another_clock(
    world: World, other: WorkerContext
) -> None:
    job_id = await world.started()
    silent = deadlines.SilentPods(other, lambda: True)
    for _ in range(130):
        world.clock.advance(1)
        other.clock.advance(1)  # type: ignore[attr-defined]
        await world.ask(HEARTBEAT, Heartbeat(attempt=1, sent_at=world.clock.now()), job_id)
        await silent.interrupt()
    assert (await world.job(job_id)).attempt == 1


async def test_a_silent_pod_is_silent_to_a_replica_with_another_clock(world: World, other: WorkerContext) -> None:
    job_id = await world.started()
    await world.ask(HEARTBEAT, Heartbeat(attempt=1, sent_at=world.clock.now()), job_id)
    silent = deadlines.SilentPods(other, lambda: True)
    for _ in range(70):
        world.clock.advance(1)
        other.clock.advance(1)  # type: ignore[attr-defined]
        await silent.interrupt()
    assert (await world.job(job_id)).attempt == 2


async def test_a_job_in_time_is_not_overdue_to_a_replica_with_another_clock(
    world: World, other: WorkerContext
) -> None:
    job_id = await world.started(max_duration_s=600)
    await deadlines.end_overdue_jobs(other)
    assert (await world.job(job_id)).active


async def test_a_lease_holds_against_a_replica_with_another_clock(world: World, other: WorkerContext) -> None:
    start = start_request()
    await world.deliver(start)
    assert [lease.pod.pod_name for lease in await world.reconciler.claim(1)] == [pod_name(start.job_id, 1)]
    assert await world.new_reconciler(context=other).claim(1) == []


async def test_a_machine_whose_provider_has_another_clock_is_not_silent(world: World) -> None:
    """The provider says that it has been running for an hour; it came up just now."""
    world.provider.clock_ahead_s = -3600.0
    job_id = await world.started(max_duration_s=600)
    silent = deadlines.SilentPods(world.context, lambda: True)
    for _ in range(119):
        world.clock.advance(1)
        await silent.interrupt()
    await deadlines.end_overdue_jobs(world.context)
    assert (await world.job(job_id)).attempt == 1
    assert (await world.job(job_id)).active


@pytest.mark.parametrize(("waited_s", "asked"), [(0, False), (0.95, True)])
async def test_a_machine_is_asked_why_it_does_not_start_when_it_is_time(
    world: World, other: WorkerContext, waited_s: float, asked: bool
) -> None:
    """Shortly before it is given up, whatever a replica takes the time for."""
    world.provider.starting = True
    job_id = await world.started()
    world.provider.logs[pod_name(job_id, 1)] = b"error pulling image: manifest unknown\n"
    world.clock.advance(waited_s * world.policy.timeouts.provisioning_s)
    (pod,), machine = await world.pods(job_id), await world.provider.describe(pod_name(job_id, 1))
    assert await why_not_started(other, pod, machine) == (ErrorCode.IMAGE_PULL if asked else None)


async def test_the_databases_time_is_its_own(world: World) -> None:
    from services.provisioner.adapters.database_clock import DatabaseClock

    async with world.database.transaction() as tx:
        first = await DatabaseClock().now(tx)
        second = await DatabaseClock().now(tx)
    assert first < second
    assert leases.DUE_CHANNEL
