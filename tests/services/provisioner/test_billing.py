"""Every machine that existed is billed, from the provider's beginning to the provider's end."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts import events
from contracts.rpc.pods import MACHINES, Machine, MachinesQuery
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import ProviderError
from tests.services.provisioner.provider_suite import request_for
from tests.services.provisioner.world import WORKSPACE, World, completed, seconds_from, start_request


async def cancel(world: World, job_id: UUID) -> None:
    await world.deliver(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))


async def bills(world: World, job_id: UUID) -> list[tuple[datetime | None, datetime]]:
    found = [e.data for e in await world.published() if isinstance(e.data, events.PodTerminated)]
    return [(data.running_since, data.terminated_at) for data in found if data.job_id == job_id]


async def created_without_our_knowing(world: World) -> UUID:
    """The provider made the machine and did not answer in time."""
    world.provider.faults.after_create.append(ProviderError("timeout"))
    return await world.started()


@pytest.fixture(params=[False, True], ids=["remembers", "forgets"])
def forgetful(world: World, request: pytest.FixtureRequest) -> bool:
    world.provider.forgetful = request.param
    return bool(request.param)


async def test_a_machine_whose_create_timed_out_is_billed_when_the_job_is_cancelled(
    world: World, forgetful: bool
) -> None:
    began = world.clock.now()
    job_id = await created_without_our_knowing(world)
    await cancel(world, job_id)
    await world.settle(0.5)
    assert world.provider.machines == {}
    assert await bills(world, job_id) == [(began, began + timedelta(seconds=0.5))]


async def test_a_machine_that_never_came_up_is_billed_from_its_creation(world: World, forgetful: bool) -> None:
    world.provider.starting = True
    began = world.clock.now()
    job_id = await world.started()
    await cancel(world, job_id)
    await world.settle(30)
    assert await bills(world, job_id) == [(began, seconds_from(began, 30))]


async def test_a_machine_that_came_and_went_unseen_is_billed(world: World) -> None:
    began = world.clock.now()
    job_id = await created_without_our_knowing(world)
    await cancel(world, job_id)
    world.clock.advance(7)
    world.provider.vanishes(pod_name(job_id, 1))
    await world.settle(30)
    await world.settle(30)
    assert await bills(world, job_id) == [(began, seconds_from(began, 7))]


async def test_a_machine_that_came_and_went_before_its_create_was_answered_is_not_made_again(world: World) -> None:
    """A second machine under the number of an attempt that has run would be taken for the first."""
    began = world.clock.now()
    job_id = await created_without_our_knowing(world)
    world.provider.vanishes(pod_name(job_id, 1))
    world.provider.ended.clear()  # this provider lets a name be used again
    for _ in range(4):
        await world.settle(5)
    assert [request.name for request in world.provider.requests] == [pod_name(job_id, 1), pod_name(job_id, 2)]
    assert await bills(world, job_id) == [(began, began)]
    assert "pod.interrupted a1" in await world.kinds()


async def test_the_end_is_the_providers_and_not_when_we_learnt_of_it(world: World) -> None:
    began = world.clock.now()
    job_id = await world.started()
    world.clock.advance(3)
    world.provider.vanishes(pod_name(job_id, 1))
    for _ in range(4):
        await world.settle(30)
    assert (await bills(world, job_id))[0] == (began, seconds_from(began, 3))


async def test_what_was_never_made_costs_nothing(world: World) -> None:
    world.provider.faults.before_create.append(ProviderError("503"))
    job_id = await world.started()
    await cancel(world, job_id)
    for _ in range(4):
        await world.settle(30)
    assert [since for since, _ in await bills(world, job_id)] == [None]


async def test_a_machine_that_came_after_its_end_is_billed_and_terminated(world: World, forgetful: bool) -> None:
    """The create call of a provisioner that was frozen reached the provider when everything was over."""
    world.provider.faults.before_create.append(ProviderError("timeout"))
    job_id = await world.started()
    await cancel(world, job_id)
    for _ in range(3):
        await world.settle(30)
    assert (await world.pods(job_id))[0].status is PodStatus.TERMINATED
    began = world.clock.now()
    await world.provider.create(request_for(pod_name(job_id, 1)))
    world.clock.advance(10)
    await Reaper(world.context).reap()
    assert world.provider.machines == {}
    await world.settle(1)
    found = (await bills(world, job_id))[-1]
    assert found[0] == began
    assert seconds_from(began, 10) <= found[1] <= seconds_from(began, 11)
    assert (await world.pods(job_id))[0].status is PodStatus.TERMINATED


async def test_a_machine_of_a_known_job_without_a_row_is_billed(world: World) -> None:
    """The database was restored from a backup."""
    job_id = await world.started()
    began = world.clock.now()
    await world.provider.create(request_for(pod_name(job_id, 2)))
    world.clock.advance(10)
    await Reaper(world.context).reap()
    await world.settle(1)
    assert list(world.provider.machines) == [pod_name(job_id, 1)]
    assert [since for since, _ in await bills(world, job_id)] == [began]
    assert (await world.job(job_id)).attempt == 1


async def test_a_machine_of_an_unknown_job_is_terminated_and_counted(world: World) -> None:
    orphan = pod_name(uuid4(), 1)
    await world.provider.create(request_for(orphan))
    await Reaper(world.context).reap()
    assert world.provider.machines == {}
    assert await world.published() == []
    assert world.context.metrics.leaked._value.get() == 1


async def test_a_reaped_machine_that_does_not_end_is_kept_at(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    for _ in range(3):
        await world.settle(20)
    world.provider.ended.clear()
    began = world.clock.now()
    await world.provider.create(request_for(pod_name(job_id, 1)))
    world.provider.faults.ignore_terminate = True
    await Reaper(world.context).reap()
    await world.settle(1)
    assert (await world.pods(job_id))[0].status is PodStatus.TERMINATING
    world.provider.faults.ignore_terminate = False
    await world.settle(5)
    assert world.provider.machines == {}
    assert (await bills(world, job_id))[-1][1] == seconds_from(began, 6)


async def test_a_machine_that_is_still_listed_a_moment_after_its_end_is_no_leak(world: World) -> None:
    job_id = await world.started()
    [machine] = world.provider.machines.values()
    await cancel(world, job_id)
    await world.settle(5)
    before = await bills(world, job_id)
    world.provider.machines[machine.name] = machine  # the list lags
    await Reaper(world.context).reap()
    del world.provider.machines[machine.name]
    await world.settle(5)
    assert await bills(world, job_id) == before


async def machines(world: World, since: datetime, limit: int = 500) -> list[Machine]:
    found: list[Machine] = []
    after: str | None = ""
    while after is not None:
        page = await world.ask(MACHINES, MachinesQuery(since=since, after=after, limit=limit))
        assert len(page.machines) <= limit
        found += page.machines
        after = page.next_after
    return found


async def test_the_list_has_every_machine_that_existed_since_then(world: World) -> None:
    long_ago = world.clock.now()
    ended = await world.started()
    await cancel(world, ended)
    await world.settle(60)
    begin = world.clock.now()
    running = await world.started()
    world.provider.starting = True
    starting = await world.started()
    never_made = start_request()
    await world.deliver(never_made)
    now = {machine.job_id: machine for machine in await machines(world, seconds_from(begin, 1))}
    assert set(now) == {running, starting}
    assert (now[running].running_since, now[running].terminated_at) == (begin, None)
    assert now[starting].running_since is None
    everything = {machine.job_id: machine for machine in await machines(world, long_ago)}
    assert set(everything) == {ended, running, starting}
    assert everything[ended].running_since == long_ago
    assert everything[ended].terminated_at is not None


async def test_the_pages_of_the_list_have_each_machine_once(world: World) -> None:
    jobs = [await world.started() for _ in range(5)]
    for limit in (1, 2, 5, 6):
        assert sorted(machine.job_id for machine in await machines(world, world.clock.now(), limit)) == sorted(jobs)
