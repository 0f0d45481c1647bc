"""A job that its user pauses, resumes or moves to another tier: its machine saves, ends, and costs no patience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.problems import ProblemError
from contracts import events
from contracts.gpus import PricingTier
from contracts.rpc.pods import (
    HEARTBEAT,
    JOB_CHECKPOINTS,
    LIST_CHECKPOINTS,
    SIGN_URLS,
    Heartbeat,
    JobCheckpointsQuery,
    ListCheckpoints,
    ObjectRequest,
    SignUrls,
)
from services.provisioner.application.workers.checkpoint_cleaner import CheckpointCleaner
from services.provisioner.application.workers.deadlines import end_overdue_drains, end_overdue_jobs
from services.provisioner.domain.model import JobState, PodStatus
from services.provisioner.domain.names import pod_name
from tests.services.provisioner.world import (
    WORKSPACE,
    World,
    about,
    checkpoint,
    completed,
    failed,
    sigterm,
    start_request,
)


def pause_of(job_id: UUID, run: int = 1) -> events.JobPauseRequested:
    return events.JobPauseRequested(job_id=job_id, workspace_id=WORKSPACE, run=run, requested_by="ada")


def paused(world: World, job_id: UUID, attempt: int = 1, step: int = 7) -> events.TrainingPaused:
    return events.TrainingPaused(**about(job_id, attempt, step=step, checkpoint_step=step, paused_at=world.clock.now()))


async def beat(world: World, job_id: UUID, attempt: int = 1) -> str:
    request = Heartbeat(attempt=attempt, stage="training", step=6, sent_at=world.clock.now())
    return str((await world.ask(HEARTBEAT, request, job_id)).directive)


async def working(world: World, **changes: Any) -> UUID:
    """A job whose first pod trains and has said so."""
    job_id = await world.started(**changes)
    assert await beat(world, job_id) == "continue"
    return job_id


async def test_the_pod_saves_says_so_and_is_gone_and_nothing_follows(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    assert await beat(world, job_id) == "pause"
    await world.deliver(checkpoint(job_id, 7))
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    assert world.provider.machines == {}
    assert await world.kinds() == ["pod.requested a1", "pod.running a1", "pod.terminated a1"]
    assert (await world.published())[-1].data.reason == "paused by ada"
    job = await world.job(job_id)
    assert (job.state, job.counters.interruptions, job.counters.faults) == (JobState.PAUSED, 0, 0)


async def test_a_pod_that_ends_without_the_word_is_no_interruption_either(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    world.provider.exits(pod_name(job_id, 1), 65)
    await world.settle(10)
    await world.settle(10)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1", "pod.terminated a1"]
    await world.deliver(paused(world, job_id))
    assert [pod.status for pod in await world.pods(job_id)] == [PodStatus.TERMINATED]


async def test_who_does_not_save_in_time_is_stopped_and_the_newest_checkpoint_counts(world: World) -> None:
    job_id = await working(world)
    await world.deliver(checkpoint(job_id, 5))
    await world.deliver(pause_of(job_id))
    world.clock.advance(119)
    await end_overdue_drains(world.context)
    assert (await world.pods(job_id))[0].status is PodStatus.RUNNING
    world.clock.advance(2)
    await end_overdue_drains(world.context)
    await world.settle(10)
    assert world.provider.machines == {}
    await world.deliver(start_request(job_id, run=2))
    await world.settle()
    offers = (await world.ask(LIST_CHECKPOINTS, ListCheckpoints(attempt=2), job_id)).checkpoints
    assert [(offer.attempt, offer.step) for offer in offers] == [(1, 5)]


async def test_a_machine_that_has_not_spoken_yet_has_nothing_to_save(world: World) -> None:
    job_id = await world.started()
    await world.deliver(pause_of(job_id))
    await world.settle(10)
    assert world.provider.machines == {}
    assert (await world.job(job_id)).state is JobState.PAUSED


async def test_a_resume_begins_the_next_attempt_with_its_own_settings(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    await world.deliver(start_request(job_id, run=2, pricing_tier=PricingTier.ON_DEMAND))
    await world.settle()
    newest = (await world.pods(job_id))[-1]
    assert (newest.attempt, newest.pricing_tier, newest.status) == (2, PricingTier.ON_DEMAND, PodStatus.RUNNING)
    assert await beat(world, job_id, 2) == "continue"


async def test_a_resume_while_the_machine_still_saves_waits_for_it(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    await world.deliver(start_request(job_id, run=2))
    assert await beat(world, job_id) == "pause"
    assert len(await world.pods(job_id)) == 1
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    assert [pod.attempt for pod in await world.pods(job_id)] == [1, 2]
    assert list(world.provider.machines) == [pod_name(job_id, 2)]


@pytest.mark.parametrize("order", [("pause", "resume"), ("resume", "pause")])
async def test_pause_and_resume_in_any_order_end_with_what_was_said_last(world: World, order: tuple[str, str]) -> None:
    job_id = await working(world)
    said = {"pause": pause_of(job_id), "resume": start_request(job_id, run=2)}
    for word in order:
        await world.deliver(said[word])
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    assert (await world.job(job_id)).state is JobState.ACTIVE
    assert [pod.attempt for pod in await world.pods(job_id)] == [1, 2]


async def test_a_pause_that_overtakes_its_start_leaves_the_job_paused(world: World) -> None:
    start = start_request()
    await world.deliver(pause_of(start.job_id))
    await world.deliver(start)
    await world.settle()
    assert world.provider.requests == []
    await world.deliver(start_request(start.job_id, run=2))
    await world.settle()
    assert [pod.attempt for pod in await world.pods(start.job_id)] == [1]


async def test_starts_that_are_known_or_late_change_nothing(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    await world.deliver(start_request(job_id))
    await world.deliver(events.JobCancelled(job_id=job_id, workspace_id=WORKSPACE, job_name="a job",
                                            cancelled_by="ada", cancelled_at=world.clock.now()))
    await world.deliver(start_request(job_id, run=2))
    await world.settle(10)
    assert (await world.job(job_id)).state is JobState.CANCELLED
    assert len(world.provider.requests) == 1


async def test_another_tier_drains_the_running_attempt_and_begins_the_next_at_once(world: World) -> None:
    job_id = await working(world)
    await world.deliver(start_request(job_id, run=2, pricing_tier=PricingTier.ON_DEMAND))
    assert await beat(world, job_id) == "pause"
    await world.deliver(checkpoint(job_id, 7))
    await world.deliver(paused(world, job_id))
    await world.settle()
    one, two = await world.pods(job_id)
    assert (one.pricing_tier, two.pricing_tier) == (PricingTier.SPOT, PricingTier.ON_DEMAND)
    assert (await world.job(job_id)).counters.interruptions == 0
    assert "pod.interrupted a1" not in await world.kinds()


async def test_whatever_ends_a_draining_attempt_leads_to_the_next_and_costs_no_patience(world: World) -> None:
    for end in (failed, sigterm):
        job_id = await working(world)
        await world.deliver(start_request(job_id, run=2))
        await world.deliver(end(job_id))
        await world.settle()
        job = await world.job(job_id)
        assert (job.attempt, job.state, job.counters.interruptions, job.counters.faults) == (2, JobState.ACTIVE, 0, 0)


async def test_who_was_through_when_the_pause_came_has_completed_the_job(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    await world.deliver(completed(job_id))
    world.provider.exits(pod_name(job_id, 1), 0)
    await world.settle(20)
    assert (await world.job(job_id)).state is JobState.FINISHED
    assert world.provider.machines == {}


async def test_a_paused_job_that_is_cancelled_keeps_no_machine(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    await world.deliver(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="ada"))
    assert await beat(world, job_id) == "stop"
    await world.settle(10)
    assert world.provider.machines == {}
    assert (await world.job(job_id)).state is JobState.CANCELLED


async def test_the_time_limit_counts_the_time_that_a_job_runs(world: World) -> None:
    job_id = await working(world, max_duration_s=3600)
    world.clock.advance(1800)
    await world.deliver(pause_of(job_id))
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    world.clock.advance(7 * 24 * 3600)
    await end_overdue_jobs(world.context)
    await world.deliver(start_request(job_id, run=2, max_duration_s=3600))
    await world.settle()
    assert await beat(world, job_id, 2) == "continue"
    assert '"max_duration_s":1800' in world.provider.requests[-1].environment["BRIGHTRUN_POD_SPEC"]
    world.clock.advance(1790)
    await end_overdue_jobs(world.context)
    assert (await world.job(job_id)).state is JobState.ACTIVE
    world.clock.advance(11)
    await end_overdue_jobs(world.context)
    assert (await world.job(job_id)).state is JobState.FINISHED


async def test_an_attempt_that_comes_back_after_the_pause_can_neither_write_nor_move_anything(world: World) -> None:
    job_id = await working(world)
    await world.deliver(pause_of(job_id))
    await world.deliver(paused(world, job_id))
    await world.settle(10)
    assert await beat(world, job_id) == "stop"
    wanted = SignUrls(attempt=1, objects=(ObjectRequest(method="PUT", area="checkpoints", key="a1/step-9/x"),))
    with pytest.raises(ProblemError) as refused:
        await world.ask(SIGN_URLS, wanted, job_id)
    assert refused.value.code == "attempt_superseded"
    await world.deliver(start_request(job_id, run=2))
    await world.settle()
    for word in (failed(job_id), sigterm(job_id), paused(world, job_id), completed(job_id)):
        await world.deliver(word)
    assert (await world.job(job_id)).state is JobState.ACTIVE
    assert await beat(world, job_id, 2) == "continue"


async def test_checkpoints_of_a_paused_job_are_kept_however_long(world: World) -> None:
    job_id = await working(world)
    await world.deliver(checkpoint(job_id, 7))
    await world.deliver(pause_of(job_id))
    world.clock.advance(29 * 24 * 3600)
    await CheckpointCleaner(world.context, world.objects, timedelta(hours=72)).clean()
    asked = JobCheckpointsQuery(job_id=job_id, workspace_id=WORKSPACE)
    assert [one.step for one in (await world.ask(JOB_CHECKPOINTS, asked)).checkpoints] == [7]


async def ended_with_a_checkpoint(world: World) -> UUID:
    job_id = await working(world)
    await world.deliver(checkpoint(job_id, 7))
    await world.deliver(failed(job_id))
    await world.settle(30)
    return job_id


async def test_a_job_that_continues_another_reads_its_checkpoints_until_it_has_its_own(world: World) -> None:
    old = await ended_with_a_checkpoint(world)
    new = await working(world, continues=old)
    assert f'"continues":"{old}"' in world.provider.requests[-1].environment["BRIGHTRUN_POD_SPEC"]
    offers = (await world.ask(LIST_CHECKPOINTS, ListCheckpoints(attempt=1), new)).checkpoints
    assert [(offer.job_id, offer.attempt, offer.step, offer.manifest_key) for offer in offers] == [
        (old, 1, 7, "a1/step-7/manifest.json")]
    wanted = ObjectRequest(method="GET", area="checkpoints", key="a1/step-7/x.bin", job_id=old)
    urls = (await world.ask(SIGN_URLS, SignUrls(attempt=1, objects=(wanted,)), new)).urls
    assert urls[0].object_key == f"{WORKSPACE}/{old}/a1/step-7/x.bin"
    await world.deliver(checkpoint(new, 2))
    offers = (await world.ask(LIST_CHECKPOINTS, ListCheckpoints(attempt=1), new)).checkpoints
    assert [(offer.job_id, offer.step) for offer in offers] == [(None, 2)]


async def test_what_a_continued_job_must_not_be_asked_for(world: World) -> None:
    old, other = await ended_with_a_checkpoint(world), await ended_with_a_checkpoint(world)
    new = await working(world, continues=old)
    for wanted in (
        ObjectRequest(method="PUT", area="checkpoints", key="a1/step-9/x", job_id=old),
        ObjectRequest(method="GET", area="artifacts", key="a1/adapter.zip", job_id=old),
        ObjectRequest(method="GET", area="checkpoints", key="a1/step-7/x", job_id=other),
    ):
        with pytest.raises(ProblemError) as refused:
            await world.ask(SIGN_URLS, SignUrls(attempt=1, objects=(wanted,)), new)
        assert refused.value.code == "object_key_refused"


async def test_another_workspace_is_offered_nothing(world: World) -> None:
    old = await ended_with_a_checkpoint(world)
    stranger = UUID("00000000-0000-7000-8000-000000000099")
    new = await world.started(continues=old, workspace_id=stranger)
    assert (await world.ask(LIST_CHECKPOINTS, ListCheckpoints(attempt=1), new)).checkpoints == ()
    asked = JobCheckpointsQuery(job_id=old, workspace_id=stranger)
    assert (await world.ask(JOB_CHECKPOINTS, asked)).checkpoints == ()


async def test_a_checkpoint_that_another_job_waits_for_outlives_the_retention(world: World) -> None:
    old = await ended_with_a_checkpoint(world)
    new = await working(world, continues=old)
    cleaner, asked = CheckpointCleaner(world.context, world.objects, timedelta(hours=72)), JobCheckpointsQuery(
        job_id=old, workspace_id=WORKSPACE)
    world.clock.advance(100 * 3600)
    await cleaner.clean()
    assert (await world.ask(JOB_CHECKPOINTS, asked)).checkpoints
    await world.deliver(checkpoint(new, 1))
    await cleaner.clean()
    assert not (await world.ask(JOB_CHECKPOINTS, asked)).checkpoints
