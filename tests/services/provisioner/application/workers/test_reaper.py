"""Machines that leak, and pods that the provider's list does not have."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import ProviderError
from tests.services.provisioner.provider_suite import request_for
from tests.services.provisioner.world import World, completed


async def test_a_machine_nobody_asked_for_is_terminated(world: World) -> None:
    job_id = await world.started()
    orphan = pod_name(uuid4(), 1)
    await world.provider.create(request_for(orphan))
    await Reaper(world.context).reap()
    assert list(world.provider.machines) == [pod_name(job_id, 1)]


async def test_two_replicas_that_look_at_once_end_it_once(world: World) -> None:
    job_id = await world.started()
    for _ in range(3):
        await world.provider.create(request_for(pod_name(uuid4(), 1)))
    await asyncio.gather(*(Reaper(world.context).reap() for _ in range(2)))
    assert list(world.provider.machines) == [pod_name(job_id, 1)]
    assert (await world.job(job_id)).attempt == 1


async def test_one_that_cannot_be_ended_holds_up_no_other(world: World) -> None:
    orphans = [pod_name(uuid4(), 1) for _ in range(3)]
    for orphan in orphans:
        await world.provider.create(request_for(orphan))
    world.provider.faults.terminate = [ProviderError("500")]
    await Reaper(world.context).reap()
    assert list(world.provider.machines) == [min(orphans)]
    await Reaper(world.context).reap()
    assert world.provider.machines == {}
    assert world.context.metrics.leaked._value.get() == 4


async def test_a_machine_that_came_back_after_its_end_is_terminated(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    await world.settle(20)
    world.clock.advance(world.policy.timeouts.list_lag_s + 1)
    world.provider.ended.clear()
    await world.provider.create(request_for(pod_name(job_id, 1)))
    await Reaper(world.context).reap()
    assert world.provider.machines == {}


async def test_a_running_pod_that_is_not_listed_is_looked_at(world: World) -> None:
    job_id = await world.started()
    await world.settle(20)
    world.provider.vanishes(pod_name(job_id, 1))
    await Reaper(world.context).reap()
    await world.settle()
    await world.settle(1)
    assert "pod.running a2" in await world.kinds()
