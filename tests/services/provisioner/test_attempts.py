"""From the wish for a pod to its end, and what follows an end that came too early."""

from __future__ import annotations

from uuid import uuid4

import pytest

from contracts import events
from contracts.envelope import new_event
from services.provisioner.domain.model import JobState, PodStatus
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import NoCapacity, ProviderError, RequestRefused
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


def cancelled(job_id: object) -> events.JobCancelRequested:
    return events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone")


async def test_a_started_job_gets_a_pod_whose_intent_was_published_first(world: World) -> None:
    start = start_request()
    await world.deliver(start)
    assert await world.kinds() == ["pod.requested a1"]
    assert world.provider.requests == []
    await world.settle()
    assert await world.kinds() == ["pod.requested a1", "pod.running a1"]
    assert [e.data.sequence for e in await world.published()] == [1, 2]
    assert [request.name for request in world.provider.requests] == [pod_name(start.job_id, 1)]


async def test_the_pod_is_told_all_it_needs(world: World) -> None:
    job_id = await world.started(max_duration_s=100)
    environment = world.provider.requests[0].environment
    assert environment["BRIGHTRUN_NATS_CREDENTIALS"] == "credentials of U1"
    assert environment["BASE_MODEL"] == "tiny"
    assert f'"job_id":"{job_id}"' in environment["BRIGHTRUN_POD_SPEC"]
    assert '"max_duration_s":100' in environment["BRIGHTRUN_POD_SPEC"]


async def test_the_same_start_again_changes_nothing(world: World) -> None:
    start = start_request()
    await world.deliver(start)
    await world.settle()
    await world.deliver(start)
    await world.settle()
    assert len(world.provider.requests) == 1


async def test_a_completed_job_lets_its_pod_close_and_cleans_up(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    await world.settle(1)
    assert (await world.pods(job_id))[0].status is PodStatus.RUNNING
    world.provider.exits(pod_name(job_id, 1), 0)
    await world.settle(10)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1", "pod.terminated a1"]
    assert (await world.published())[-1].data.exit_code == 0
    assert world.provider.machines == {}


async def test_a_completion_heard_from_job_api_first_lets_the_pod_close_as_well(world: World) -> None:
    job_id = await world.started()
    await world.deliver(events.JobCompleted(
        job_id=job_id, workspace_id=WORKSPACE, job_name="a job", created_by="someone", completed_at=world.clock.now()))
    await world.deliver(completed(job_id))
    await world.settle(1)
    assert (await world.pods(job_id))[0].status is PodStatus.RUNNING
    world.provider.exits(pod_name(job_id, 1), 0)
    await world.settle(10)
    assert (await world.published())[-1].data.exit_code == 0


async def test_a_pod_that_does_not_close_is_ended(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    await world.settle(world.policy.timeouts.finish_grace_s)
    assert world.provider.machines == {}


@pytest.mark.parametrize("exit_code", [137, 143, None])
async def test_a_killed_pod_is_replaced_at_once(world: World, exit_code: int | None) -> None:
    job_id = await world.started()
    world.provider.exits(pod_name(job_id, 1), exit_code)
    await world.settle(5)
    assert [request.name for request in world.provider.requests] == [pod_name(job_id, 1), pod_name(job_id, 2)]
    kinds = await world.kinds()
    assert kinds[2:4] == ["pod.interrupted a1", "pod.requested a2"]
    assert set(kinds[4:]) == {"pod.terminated a1", "pod.running a2"}


async def test_a_pod_that_vanished_is_replaced(world: World) -> None:
    job_id = await world.started()
    world.provider.vanishes(pod_name(job_id, 1))
    await world.settle(5)
    await world.settle(1)  # it is asked twice
    assert "pod.running a2" in await world.kinds()


async def test_the_trainers_own_word_replaces_it_and_is_not_repeated(world: World) -> None:
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.settle()
    kinds = await world.kinds()
    assert "pod.running a2" in kinds
    assert "pod.interrupted a1" not in kinds
    assert pod_name(job_id, 1) in world.provider.machines  # its last seconds are its own
    await world.settle(5)
    assert pod_name(job_id, 1) not in world.provider.machines


async def test_an_interruption_of_an_old_attempt_changes_nothing(world: World) -> None:
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.settle(6)
    await world.deliver(sigterm(job_id))
    await world.settle(6)
    assert (await world.job(job_id)).attempt == 2


async def test_too_many_interruptions_without_progress_end_the_job(world: World) -> None:
    job_id = await world.started()
    for attempt in (1, 2, 3):
        world.provider.exits(pod_name(job_id, attempt), 137)
        await world.settle(6)
    assert (await world.kinds())[-2:] == ["pod.failed a3", "pod.terminated a3"]
    assert (await world.job(job_id)).state is JobState.FINISHED
    failure = next(e.data for e in await world.published() if isinstance(e.data, events.PodFailed))
    assert "3 times" in failure.message
    assert failure.suggested_fix


async def test_progress_forgives_interruptions(world: World) -> None:
    job_id = await world.started()
    for attempt in range(1, 6):
        await world.deliver(checkpoint(job_id, attempt * 100, attempt))
        world.provider.exits(pod_name(job_id, attempt), 137)
        await world.settle(6)
    assert (await world.job(job_id)).attempt == 6


async def test_a_crash_is_repeated_three_times(world: World) -> None:
    job_id = await world.started()
    for attempt in (1, 2, 3):
        world.provider.exits(pod_name(job_id, attempt), 1)
        for _ in range(4):
            await world.settle(6)
    assert "pod.failed a3" in await world.kinds()
    assert (await world.job(job_id)).attempt == 3


async def test_a_failure_that_a_repetition_may_cure_begins_another_attempt(world: World) -> None:
    job_id = await world.started()
    await world.deliver(failed(job_id, retryable=True))
    await world.settle(20)
    # The old machine's end and the new one's start are two pods' affairs: either may be first.
    assert set((await world.kinds())[-2:]) == {"pod.running a2", "pod.terminated a1"}


async def test_a_final_failure_ends_the_job(world: World) -> None:
    job_id = await world.started()
    await world.deliver(failed(job_id))
    await world.settle(20)
    assert (await world.kinds())[-1] == "pod.terminated a1"
    assert (await world.job(job_id)).state is JobState.FINISHED


async def test_a_cancelled_job_has_its_pod_ended(world: World) -> None:
    job_id = await world.started()
    await world.deliver(cancelled(job_id))
    await world.settle()
    assert (await world.kinds())[-1] == "pod.terminated a1"
    await world.deliver(sigterm(job_id))  # what the trainer says when it is ended
    await world.settle(10)
    assert len(world.provider.requests) == 1


async def test_an_end_heard_before_the_start_wins(world: World) -> None:
    start = start_request()
    await world.deliver(cancelled(start.job_id))
    await world.deliver(start)
    await world.settle(5)
    assert world.provider.requests == []
    assert await world.kinds() == []


async def test_a_job_cancelled_before_its_pod_was_made_never_costs_money(world: World) -> None:
    start = start_request()
    await world.deliver(start)
    await world.deliver(cancelled(start.job_id))
    await world.settle()
    assert world.provider.requests == []
    terminated = (await world.published())[-1].data
    assert isinstance(terminated, events.PodTerminated)
    assert terminated.running_since is None


async def test_a_crash_between_create_and_save_makes_no_second_pod(world: World) -> None:
    class Killed(BaseException):
        pass

    start = start_request()
    await world.deliver(start)
    world.provider.faults.after_create.append(Killed())
    with pytest.raises(Killed):
        await world.settle()
    world.reconciler = world.new_reconciler()
    await world.settle(1)
    assert "pod.running a1" not in await world.kinds()  # the lease of the dead one still holds
    await world.settle(15)
    assert "pod.running a1" in await world.kinds()
    assert len(world.provider.requests) == 1
    assert world.broker.issued == ["U1", "U2"]
    assert await world.users(start.job_id) == {"U1", "U2"}


async def test_a_failed_create_is_repeated_and_finds_what_it_had_made(world: World) -> None:
    world.provider.faults.after_create.append(ProviderError("timeout"))
    world.provider.faults.before_create.append(ProviderError("503"))
    job_id = await world.started()
    await world.settle(3)
    await world.settle(3)
    assert (await world.kinds())[-1] == "pod.running a1"
    assert len(world.provider.requests) == 1
    assert (await world.job(job_id)).attempt == 1


async def test_a_provider_that_keeps_failing_ends_the_job(world: World) -> None:
    world.provider.faults.before_create += [ProviderError("503")] * 6
    await world.started()
    for _ in range(6):
        await world.settle(60)
    for _ in range(2):
        await world.settle(3)  # until it is certain that no create had made a machine
    assert await world.kinds() == ["pod.requested a1", "pod.failed a1", "pod.terminated a1"]


async def test_a_refused_request_is_not_repeated(world: World) -> None:
    world.provider.faults.before_create.append(RequestRefused("no credit left"))
    await world.started()
    failure = (await world.published())[1].data
    assert isinstance(failure, events.PodFailed)
    assert "no credit left" in failure.message
    assert failure.error_type.value == "provisioning"


async def test_waiting_for_capacity_is_no_failure_until_it_lasts_too_long(world: World) -> None:
    world.provider.faults.before_create += [NoCapacity("sold out")] * 100
    await world.started()
    for _ in range(10):
        await world.settle(60)
    assert await world.kinds() == ["pod.requested a1", "pod.waiting a1"]
    await world.settle(world.policy.retry.capacity_wait_s)
    assert "pod.failed a1" in await world.kinds()


async def test_a_machine_that_does_not_come_up_is_replaced(world: World) -> None:
    world.provider.starting = True
    job_id = await world.started()
    await world.settle(world.policy.timeouts.provisioning_s + 1)
    world.provider.starting = False
    await world.settle(5)
    kinds = await world.kinds()
    assert kinds[-1] == "pod.running a2" or "pod.running a2" in kinds
    assert pod_name(job_id, 1) not in world.provider.machines


async def test_a_machine_that_comes_up_late_runs(world: World) -> None:
    world.provider.starting = True
    job_id = await world.started()
    assert await world.kinds() == ["pod.requested a1"]
    world.provider.comes_up(pod_name(job_id, 1))
    await world.settle(2)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1"]


async def test_terminating_lasts_until_the_provider_confirms(world: World) -> None:
    job_id = await world.started()
    world.provider.faults.ignore_terminate = True
    world.provider.faults.terminate += [ProviderError("500")] * 2
    await world.deliver(cancelled(job_id))
    for _ in range(5):
        await world.settle(5)
    assert (await world.kinds())[-1] == "pod.running a1"
    world.provider.faults.ignore_terminate = False
    await world.settle(5)
    assert (await world.kinds())[-1] == "pod.terminated a1"


async def test_a_provider_that_does_not_answer_interrupts_nobody(world: World) -> None:
    job_id = await world.started()
    world.provider.faults.describe += [ProviderError("503")] * 3
    for _ in range(3):
        await world.settle(6)
    assert (await world.job(job_id)).attempt == 1


async def test_a_result_nobody_heard_is_repeated_under_its_own_id(world: World) -> None:
    job_id = await world.started()
    evaluation = new_event(events.EvaluationGenerated(**about(
        job_id, 1, base_perplexity=9.0, trained_perplexity=3.0, base_model="tiny",
        conversations=(events.ConversationLikelihood(conversation_key="c", tokens=5, base_nll=9, trained_nll=3),),
        generated_at=world.clock.now())), source="/trainer")
    done = new_event(completed(job_id), source="/trainer")
    await world.leave_result(evaluation, done)
    world.provider.exits(pod_name(job_id, 1), 0)
    await world.settle(5)
    published = await world.published()
    assert {evaluation.id, done.id} <= {event.id for event in published}
    assert (await world.job(job_id)).state is JobState.FINISHED
    assert (await world.kinds())[-1] == "pod.terminated a1"
    await world.deliver(completed(job_id))  # our own word comes back
    await world.settle(5)
    assert len(await world.published()) == len(published)


async def test_a_result_of_another_job_is_not_believed(world: World) -> None:
    job_id = await world.started()
    forged = new_event(completed(uuid4()), source="/trainer")
    key = f"{WORKSPACE}/{job_id}/a1/result.json"
    await world.objects.put_bytes("model-artifacts", key, b"[" + forged.to_bytes() + b"]")
    world.provider.exits(pod_name(job_id, 1), 137)
    await world.settle(5)
    assert forged.id not in {event.id for event in await world.published()}
    assert "pod.requested a2" in await world.kinds()


async def test_an_orderly_end_without_a_word_waits_a_moment_for_it(world: World) -> None:
    job_id = await world.started()
    world.provider.exits(pod_name(job_id, 1), 0)
    await world.settle(5)
    assert "pod.requested a2" not in await world.kinds()
    await world.deliver(completed(job_id))
    await world.settle(10)
    assert (await world.kinds())[-1] == "pod.terminated a1"


async def test_a_checkpoint_of_foreign_objects_is_refused(world: World) -> None:
    from chassis.messaging.retry import Permanent

    job_id = await world.started()
    for change in ({"bucket": "training-files"}, {"manifest_key": f"{WORKSPACE}/{uuid4()}/a1/step-1/manifest.json"},
                   {"manifest_key": f"{WORKSPACE}/{job_id}/../x"}):
        with pytest.raises(Permanent):
            await world.deliver(checkpoint(job_id, 1, **change))


async def test_without_a_broker_no_machine_is_bought_and_nobody_is_blamed(world: World) -> None:
    world.broker.away = True
    job_id = await world.started()
    for _ in range(10):
        await world.settle(2)
    assert world.provider.requests == []
    world.broker.away = False
    await world.settle(2)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1"]
    assert (await world.pods(job_id))[0].create_failures == 0
