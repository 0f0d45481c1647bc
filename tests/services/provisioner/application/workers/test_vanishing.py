"""A machine is gone when the provider has said so twice, some time apart, and its list had time to know of it."""

from __future__ import annotations

from uuid import UUID

from contracts import events
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import Machine, ProviderError
from tests.services.provisioner.world import WORKSPACE, World


def hide(world: World, job_id: UUID) -> Machine:
    """The provider's list does not have it, though it exists."""
    return world.provider.machines.pop(pod_name(job_id, 1))


def show(world: World, machine: Machine) -> None:
    world.provider.machines[machine.name] = machine


async def pass_time(world: World, seconds: int) -> None:
    for _ in range(seconds):
        await world.settle(1)


async def test_a_machine_that_is_missing_once_is_not_gone(world: World) -> None:
    job_id = await world.started()
    await pass_time(world, 20)
    machine = hide(world, job_id)
    await world.settle(5)
    show(world, machine)
    await pass_time(world, 20)
    hidden = hide(world, job_id)
    await world.settle(5)
    show(world, hidden)
    await pass_time(world, 20)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1"]


async def test_two_looks_at_the_same_moment_are_one(world: World) -> None:
    job_id = await world.started()
    await pass_time(world, 20)
    machine = hide(world, job_id)
    await world.settle(5)
    for _ in range(3):
        await Reaper(world.context).reap()
        await world.settle()
    show(world, machine)
    await pass_time(world, 10)
    assert (await world.job(job_id)).attempt == 1


async def test_a_machine_that_stays_missing_is_gone(world: World) -> None:
    job_id = await world.started()
    await pass_time(world, 20)
    world.provider.vanishes(pod_name(job_id, 1))
    await pass_time(world, 10)
    assert "pod.running a2" in await world.kinds()


async def test_a_fresh_machine_that_is_not_listed_yet_is_not_gone(world: World) -> None:
    job_id = await world.started()
    machine = hide(world, job_id)
    for _ in range(4):
        await world.settle(world.policy.timeouts.list_lag_s / 5)
        await Reaper(world.context).reap()
        await world.settle()
    show(world, machine)
    await pass_time(world, 20)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1"]


async def test_a_cancelled_create_is_over_only_when_the_list_had_time(world: World) -> None:
    """The create timed out, the machine exists and is not listed yet when the job is cancelled."""
    world.provider.faults.after_create.append(ProviderError("timeout"))
    job_id = await world.started()
    machine = hide(world, job_id)
    await world.deliver(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))
    await world.settle(world.policy.timeouts.list_lag_s * 0.9)
    assert (await world.pods(job_id))[0].status is PodStatus.TERMINATING
    show(world, machine)
    await pass_time(world, 10)
    assert world.provider.machines == {}
    ended = [e.data for e in await world.published() if isinstance(e.data, events.PodTerminated)]
    assert [data.running_since for data in ended] == [machine.running_since]
