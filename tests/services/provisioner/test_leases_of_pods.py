"""What an answered heartbeat means: go on for so long, stop, or say your last words."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.problems import Conflict
from contracts import events
from contracts.pod_environment import PodSpec
from contracts.rpc import pods as rpc
from services.provisioner.adapters.repository import leases
from services.provisioner.application.workers.deadlines import SilentPods
from tests.services.provisioner.world import WORKSPACE, World, completed, sigterm


async def beat(world: World, job_id: UUID, attempt: int = 1) -> rpc.HeartbeatReply:
    sent = rpc.Heartbeat(attempt=attempt, step=3, stage="training", sent_at=datetime.now(UTC))
    reply: rpc.HeartbeatReply = await world.ask(rpc.HEARTBEAT, sent, job_id)
    return reply


def saving(attempt: int = 1, area: str = "checkpoints", method: str = "PUT") -> rpc.SignUrls:
    item = rpc.ObjectRequest(method=method, area=area, key=f"a{attempt}/step-3/x")  # type: ignore[arg-type]
    return rpc.SignUrls(attempt=attempt, objects=(item,))


async def test_an_answer_is_a_lease_while_the_job_is_active(world: World) -> None:
    job_id = await world.started()
    spec = PodSpec.model_validate_json(world.provider.requests[0].environment["BRIGHTRUN_POD_SPEC"])
    assert (await beat(world, job_id)).lease_s == spec.lease_s == 2700
    await world.deliver(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))
    reply = await beat(world, job_id)
    assert (reply.directive, reply.lease_s) == ("stop", None)


async def test_a_completed_attempt_may_close_but_gets_no_new_lease_from_another(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    assert (await beat(world, job_id)).directive == "continue"
    assert (await beat(world, job_id, attempt=2)).directive == "stop"


async def test_who_tells_of_its_own_end_may_save_until_it_is_killed(world: World) -> None:
    """RunPod kills 5 s after SIGTERM; the next attempt has begun meanwhile."""
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.settle(1)
    assert (await world.job(job_id)).attempt == 2
    assert (await beat(world, job_id)) == rpc.HeartbeatReply(directive="continue")
    assert await world.ask(rpc.SIGN_URLS, saving(), job_id)
    for other in (saving(area="artifacts"), saving(method="GET")):
        with pytest.raises(Conflict):
            await world.ask(rpc.SIGN_URLS, other, job_id)
    await world.settle(4)
    assert (await beat(world, job_id)).directive == "stop"
    with pytest.raises(Conflict):
        await world.ask(rpc.SIGN_URLS, saving(), job_id)


async def test_last_words_are_not_cut_off_by_a_provider_that_shows_the_machine_as_ended(world: World) -> None:
    job_id = await world.started()
    name = (await world.pods(job_id))[0].pod_name
    await world.deliver(sigterm(job_id))
    for at_s in (1, 3):
        async with world.database.transaction() as tx:
            await leases.make_due(tx, world.clock.now(), [name])
        await world.settle(at_s)
        assert name in world.provider.machines
    await world.settle(1)
    assert name not in world.provider.machines


async def test_who_fell_silent_has_no_last_words(world: World) -> None:
    job_id = await world.started()
    await beat(world, job_id)
    silent = SilentPods(world.context, lambda: True)
    for _ in range(62):
        world.clock.advance(1)
        await silent.interrupt()
    assert (await world.job(job_id)).attempt == 2
    assert (await beat(world, job_id)).directive == "stop"
    with pytest.raises(Conflict):
        await world.ask(rpc.SIGN_URLS, saving(), job_id)


async def test_a_cancelled_job_has_no_last_words(world: World) -> None:
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.deliver(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))
    assert (await beat(world, job_id)).directive == "stop"


async def test_a_trainer_that_was_left_alone_was_interrupted(world: World) -> None:
    """It ended itself with a status of its own; nobody was told, as nobody answered."""
    job_id = await world.started()
    world.provider.exits((await world.pods(job_id))[0].pod_name, 75)
    await world.settle(5)
    said = next(e.data for e in await world.published() if isinstance(e.data, events.PodInterrupted))
    assert "nobody had answered its heartbeats" in said.reason
    assert (await world.job(job_id)).counters.interruptions == 1
    assert (await world.job(job_id)).counters.faults == 0
