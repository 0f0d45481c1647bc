"""What happens by time: silence, the job's time limit, leaked machines, old checkpoints, revoked users."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from contracts import events
from contracts.rpc.pods import Heartbeat
from services.provisioner.cleaner import CheckpointCleaner, Revoker
from services.provisioner.domain.model import JobState, PodStatus
from services.provisioner.domain.names import pod_name
from services.provisioner.hearing import Hearing
from services.provisioner.reaper import Reaper
from services.provisioner.sweeper import Sweeper
from tests.services.provisioner.provider_suite import order
from tests.services.provisioner.world import World, checkpoint, completed, sigterm


class Ears:
    connected = True


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def sweeper(world: World, ears: Ears) -> Sweeper:
    return Sweeper(world.tools, Hearing(world.clock, lambda: ears.connected))


async def beat(world: World, job_id: object, attempt: int = 1) -> str:
    sent = Heartbeat(attempt=attempt, step=7, stage="training", sent_at=world.clock.now())
    return (await world.desk.heartbeat(str(job_id), sent)).directive


async def pass_time(world: World, sweeper: Sweeper, seconds: int) -> None:
    """The sweeper looks every second, as it does in service; a longer pause would count as its own absence."""
    for _ in range(seconds):
        world.clock.advance(1)
        await sweeper.sweep()
    await world.settle()


async def test_a_silent_pod_is_replaced(world: World, sweeper: Sweeper) -> None:
    job_id = await world.started()
    assert await beat(world, job_id) == "continue"
    await pass_time(world, sweeper, 59)
    assert "pod.interrupted a1" not in await world.kinds()
    await pass_time(world, sweeper, 3)
    said = next(e.data for e in await world.said() if isinstance(e.data, events.PodInterrupted))
    assert said.detected_by.value == "heartbeat"
    assert said.last_step == 7
    assert "pod.running a2" in await world.kinds()
    assert await beat(world, job_id, 1) == "stop"
    assert await beat(world, job_id, 2) == "continue"


async def test_a_pod_that_never_spoke_has_longer(world: World, sweeper: Sweeper) -> None:
    job_id = await world.started()
    await pass_time(world, sweeper, 119)
    assert (await world.job(job_id)).attempt == 1
    await pass_time(world, sweeper, 3)
    assert (await world.job(job_id)).attempt == 2


async def test_who_could_not_hear_accuses_nobody(world: World, sweeper: Sweeper, ears: Ears) -> None:
    job_id = await world.started()
    await beat(world, job_id)
    ears.connected = False
    await pass_time(world, sweeper, 90)
    ears.connected = True
    await pass_time(world, sweeper, 50)
    assert (await world.job(job_id)).attempt == 1
    await pass_time(world, sweeper, 15)
    assert (await world.job(job_id)).attempt == 2


async def test_a_sweeper_that_was_away_accuses_nobody(world: World, sweeper: Sweeper) -> None:
    job_id = await world.started()
    await beat(world, job_id)
    world.clock.advance(600)  # the database was away, the machine was suspended
    await pass_time(world, sweeper, 30)
    assert (await world.job(job_id)).attempt == 1


async def test_the_time_limit_counts_over_all_attempts(world: World, sweeper: Sweeper) -> None:
    job_id = await world.started(max_duration_s=100)
    world.clock.advance(60)
    await world.hear(sigterm(job_id))
    await world.settle()
    assert '"max_duration_s":40' in world.provider.orders[1].environment["BRIGHTRUN_POD_SPEC"]
    await pass_time(world, sweeper, 39)
    assert (await world.job(job_id)).active
    await pass_time(world, sweeper, 7)
    failure = next(e.data for e in await world.said() if isinstance(e.data, events.PodFailed))
    assert failure.error_type.value == "timeout"
    assert (await world.job(job_id)).state is JobState.FINISHED
    assert world.provider.machines == {}


async def test_a_machine_nobody_asked_for_is_terminated(world: World) -> None:
    job_id = await world.started()
    orphan = pod_name(uuid4(), 1)
    await world.provider.create(order(orphan))
    await Reaper(world.tools).reap()
    assert list(world.provider.machines) == [pod_name(job_id, 1)]


async def test_a_machine_that_came_back_after_its_end_is_terminated(world: World) -> None:
    job_id = await world.started()
    await world.hear(completed(job_id))
    await world.settle(20)
    world.provider.ended.clear()
    await world.provider.create(order(pod_name(job_id, 1)))
    await Reaper(world.tools).reap()
    assert world.provider.machines == {}


async def test_a_running_pod_that_is_not_listed_is_looked_at(world: World) -> None:
    job_id = await world.started()
    await world.settle(20)
    world.provider.vanishes(pod_name(job_id, 1))
    await Reaper(world.tools).reap()
    await world.settle()
    assert "pod.running a2" in await world.kinds()


async def test_users_of_ended_attempts_are_revoked(world: World) -> None:
    job_id = await world.started()
    await world.hear(sigterm(job_id))
    revoker = Revoker(world.tools, world.users)
    await world.settle(1)
    await revoker.revoke()
    assert world.users.revoked == set()  # it may still say its last words
    await world.settle(6)
    await revoker.revoke()
    assert world.users.revoked == {"U1"}
    assert [pod.nats_users for pod in await world.pods(job_id)] == [(), ("U2",)]


async def test_deleted_checkpoints_lose_their_objects(world: World) -> None:
    job_id = await world.started()
    saved = [checkpoint(job_id, step) for step in (100, 200)]
    for one in saved:
        await world.hear(one)
        for key in (one.manifest_key, one.files[0].key):
            await world.objects.put_bytes(one.bucket, key, b"x")
    from contracts.rpc.pods import DeleteCheckpoint

    await world.desk.delete_checkpoint(str(job_id), DeleteCheckpoint(attempt=1, checkpoint_attempt=1, step=100))
    cleaner = CheckpointCleaner(world.tools, world.objects, timedelta(hours=72))
    await cleaner.clean()
    assert not await world.objects.exists(saved[0].bucket, saved[0].manifest_key)
    assert not await world.objects.exists(saved[0].bucket, saved[0].files[0].key)
    assert await world.objects.exists(saved[1].bucket, saved[1].manifest_key)
    await world.hear(completed(job_id))
    world.clock.advance(72 * 3600 + 1)
    await cleaner.clean()
    assert not await world.objects.exists(saved[1].bucket, saved[1].manifest_key)


async def test_the_figures_show_the_pods(world: World, sweeper: Sweeper) -> None:
    await world.started()
    await sweeper.sweep()
    assert world.tools.metrics.pods.labels(PodStatus.RUNNING.value)._value.get() == 1
