"""F19: the command to stop comes twice, late, or to a pod that does not listen; a job that is done stays done."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts import events
from contracts.rpc.pods import HEARTBEAT, Heartbeat
from services.provisioner.domain.model import JobState, PodStatus
from services.provisioner.domain.names import pod_name
from tests.services.provisioner.world import WORKSPACE, World, completed, sigterm


def stops(job_id: object) -> list[events.JobCancelRequested | events.JobCancelled]:
    """job_api says both: either is enough."""
    return [events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"),
            events.JobCancelled(job_id=job_id, workspace_id=WORKSPACE, job_name="a job", cancelled_by="someone",
                                cancelled_at=datetime.now(UTC))]


async def test_one_of_two_words_is_enough_and_every_further_one_changes_nothing(world: World) -> None:
    for first in (0, 1):
        job_id = await world.started()
        said = stops(job_id)
        await world.deliver(said[first])
        await world.settle(10)
        for word in (*said, *said):
            await world.deliver(word)
        await world.settle(10)
        ended = [event.data for event in await world.published()
                 if isinstance(event.data, events.PodTerminated) and event.data.job_id == job_id]
        assert len(ended) == 1
        assert world.provider.machines == {}


async def test_a_stop_that_comes_after_the_end_lets_the_trainer_close_and_fails_nothing(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    for word in stops(job_id):
        await world.deliver(word)
    await world.settle(1)
    assert (await world.pods(job_id))[0].status is PodStatus.RUNNING
    world.provider.exits(pod_name(job_id, 1), 0)
    await world.settle(10)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1", "pod.terminated a1"]
    assert (await world.published())[-1].data.exit_code == 0
    assert (await world.job(job_id)).state is JobState.FINISHED


async def test_a_trainer_hears_of_its_stop_at_its_next_heartbeat_and_is_ended_if_it_does_not_obey(world: World) -> None:
    job_id = await world.started()
    beat = Heartbeat(attempt=1, step=1, stage="training", sent_at=datetime.now(UTC))
    assert (await world.ask(HEARTBEAT, beat, job_id)).directive == "continue"
    await world.deliver(stops(job_id)[0])
    assert (await world.ask(HEARTBEAT, beat, job_id)).directive == "stop"
    await world.settle(world.policy.timeouts.stop_grace_s)
    assert world.provider.machines == {}
    await world.deliver(sigterm(job_id))  # what it says when it is ended is no interruption
    await world.settle(10)
    assert len(world.provider.requests) == 1
