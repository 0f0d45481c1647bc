"""What ends by time: silence, and the job's time limit."""

from __future__ import annotations

import pytest

from contracts import events
from contracts.rpc.pods import HEARTBEAT, Heartbeat
from services.provisioner.application.workers import deadlines
from services.provisioner.domain.model import JobState, PodStatus
from tests.services.provisioner.world import World, sigterm


class Connection:
    up = True


class Second:
    """What the service does every second."""

    def __init__(self, world: World, connection: Connection) -> None:
        self._context = world.context
        self._silent = deadlines.SilentPods(world.context, lambda: connection.up)

    async def passes(self) -> None:
        await self._silent.interrupt()
        await deadlines.end_overdue_jobs(self._context)
        await deadlines.show_pods(self._context)


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def second(world: World, connection: Connection) -> Second:
    return Second(world, connection)


async def beat(world: World, job_id: object, attempt: int = 1) -> str:
    sent = Heartbeat(attempt=attempt, step=7, stage="training", sent_at=world.clock.now())
    return (await world.ask(HEARTBEAT, sent, job_id)).directive


async def pass_time(world: World, second: Second, seconds: int) -> None:
    """A longer pause would count as an absence of the service."""
    for _ in range(seconds):
        world.clock.advance(1)
        await second.passes()
    await world.settle()


async def test_a_silent_pod_is_replaced(world: World, second: Second) -> None:
    job_id = await world.started()
    assert await beat(world, job_id) == "continue"
    await pass_time(world, second, 59)
    assert "pod.interrupted a1" not in await world.kinds()
    await pass_time(world, second, 3)
    said = next(e.data for e in await world.published() if isinstance(e.data, events.PodInterrupted))
    assert said.detected_by.value == "heartbeat"
    assert said.last_step == 7
    assert "pod.running a2" in await world.kinds()
    assert await beat(world, job_id, 1) == "stop"
    assert await beat(world, job_id, 2) == "continue"


async def test_a_pod_that_never_spoke_has_longer(world: World, second: Second) -> None:
    job_id = await world.started()
    await pass_time(world, second, 119)
    assert (await world.job(job_id)).attempt == 1
    await pass_time(world, second, 3)
    assert (await world.job(job_id)).attempt == 2


async def test_who_could_not_receive_accuses_nobody(world: World, second: Second, connection: Connection) -> None:
    job_id = await world.started()
    await beat(world, job_id)
    connection.up = False
    await pass_time(world, second, 90)
    connection.up = True
    await pass_time(world, second, 50)
    assert (await world.job(job_id)).attempt == 1
    await pass_time(world, second, 15)
    assert (await world.job(job_id)).attempt == 2


async def test_who_was_away_accuses_nobody(world: World, second: Second) -> None:
    job_id = await world.started()
    await beat(world, job_id)
    world.clock.advance(600)  # the database was away, the machine was suspended
    await pass_time(world, second, 30)
    assert (await world.job(job_id)).attempt == 1


async def test_the_time_limit_counts_over_all_attempts(world: World, second: Second) -> None:
    job_id = await world.started(max_duration_s=100)
    world.clock.advance(60)
    await world.deliver(sigterm(job_id))
    await world.settle()
    assert '"max_duration_s":40' in world.provider.requests[1].environment["BRIGHTRUN_POD_SPEC"]
    await pass_time(world, second, 39)
    assert (await world.job(job_id)).active
    await pass_time(world, second, 7)
    failure = next(e.data for e in await world.published() if isinstance(e.data, events.PodFailed))
    assert failure.error_type.value == "timeout"
    assert (await world.job(job_id)).state is JobState.FINISHED
    assert world.provider.machines == {}


async def test_the_figures_show_the_pods(world: World, second: Second) -> None:
    await world.started()
    await second.passes()
    assert world.context.metrics.pods.labels(PodStatus.RUNNING.value)._value.get() == 1
