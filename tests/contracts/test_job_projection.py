"""The rules of contracts.job_projection, held against random orders, duplicates and old attempts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import events
from contracts.envelope import EventData
from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import GpuType, PricingTier
from contracts.job_moves import cancelled, queued
from contracts.job_progress import progress_percentage
from contracts.job_projection import (
    JobState,
    project,
)
from contracts.job_status import ACTIVE, STAGES, TERMINAL, TRANSITIONS, JobStatus, allowed_actions, may_move

JOB, WORKSPACE = UUID(int=1), UUID(int=2)
T0 = datetime(2026, 11, 1, tzinfo=UTC)
ATTEMPTS = st.integers(1, 4)
STEPS = st.integers(0, 300)
QUEUED = queued(JobState())
MACHINE = {"gpu_type": GpuType.LOCAL, "pricing_tier": PricingTier.SPOT, "provider": "local"}


def about(attempt: int) -> dict[str, object]:
    return {"job_id": JOB, "workspace_id": WORKSPACE, "attempt": attempt}


def pod(attempt: int) -> dict[str, object]:
    return about(attempt) | {"pod_name": f"job-1-a{attempt}"}


def requested(attempt: int) -> EventData:
    return events.PodRequested(**pod(attempt), **MACHINE)


def waiting(attempt: int, ahead: int = 2) -> EventData:
    return events.PodWaiting(**pod(attempt), **MACHINE, ahead=ahead, waiting_since=T0)


def running(attempt: int) -> EventData:
    return events.PodRunning(**pod(attempt), **MACHINE, provider_pod_id="p", running_since=T0)


def interrupted(attempt: int) -> EventData:
    return events.PodInterrupted(**pod(attempt), detected_by="provider", interrupted_at=T0)


def started(attempt: int) -> EventData:
    return events.TrainingStarted(**about(attempt), started_at=T0)


def stage(attempt: int, name: JobStatus) -> EventData:
    return events.TrainingStageChanged(**about(attempt), stage=name)


def progressed(attempt: int, step: int) -> EventData:
    return events.TrainingProgressed(**about(attempt), step=step, total_steps=300, epoch=step / 100, loss=1.0)


def completed(attempt: int) -> EventData:
    return events.TrainingCompleted(**about(attempt), bucket="b", artifacts=(), base_model="m", total_steps=300,
                                    epochs=3, training_seconds=1, completed_at=T0)


def failed(attempt: int, *, retryable: bool) -> EventData:
    return events.TrainingFailed(**about(attempt), error_type="unknown", message="m", suggested_fix="f",
                                 retryable=retryable, failed_at=T0)


def given_up(attempt: int) -> EventData:
    return events.PodFailed(**pod(attempt), error_type="provisioning", message="m", suggested_fix="f")


def resumed(attempt: int, step: int) -> EventData:
    return events.TrainingResumed(**about(attempt), resumed_from_step=step, checkpoint_attempt=1)


def checkpoint(attempt: int, step: int) -> EventData:
    return events.CheckpointSaved(**about(attempt), step=step, bucket="b", prefix="p", manifest_key="k",
                                  manifest_sha256="0", files=(), size_bytes=0, saved_at=T0)


def terminated(attempt: int) -> EventData:
    return events.PodTerminated(**pod(attempt), **MACHINE, terminated_at=T0)


def pausing(attempt: int, step: int) -> EventData:
    return events.TrainingPaused(**about(attempt), step=step, checkpoint_step=step, paused_at=T0)


HARMLESS = st.one_of(
    st.builds(requested, ATTEMPTS), st.builds(waiting, ATTEMPTS, st.integers(0, 9)), st.builds(running, ATTEMPTS),
    st.builds(started, ATTEMPTS),
    st.builds(interrupted, ATTEMPTS), st.builds(stage, ATTEMPTS, st.sampled_from(STAGES)),
    st.builds(progressed, ATTEMPTS, STEPS), st.builds(resumed, ATTEMPTS, STEPS),
    st.builds(checkpoint, ATTEMPTS, STEPS), st.builds(terminated, ATTEMPTS), st.builds(pausing, ATTEMPTS, STEPS),
    st.builds(failed, ATTEMPTS, retryable=st.just(True)))
ENDINGS = st.one_of(st.builds(completed, ATTEMPTS), st.builds(failed, ATTEMPTS, retryable=st.just(False)),
                    st.builds(given_up, ATTEMPTS))
ANYTHING = st.lists(st.one_of(HARMLESS, HARMLESS, HARMLESS, ENDINGS), max_size=30)


def run(history: list[EventData], state: JobState = QUEUED) -> list[JobState]:
    """The state after each event, the first one before any."""
    states = [state]
    for index, data in enumerate(history):
        states.append(project(states[-1], data, T0 + timedelta(seconds=index)))
    return states


def walk(before: JobStatus, after: JobStatus) -> bool:
    """Whether one event may lead from here to there: at once, or by way of recovery when a newer attempt spoke."""
    by_recovery = may_move(before, JobStatus.RECOVERING) and may_move(JobStatus.RECOVERING, after)
    return before is after or may_move(before, after) or by_recovery


@given(ANYTHING)
@settings(max_examples=150, deadline=None)
def test_every_move_is_in_the_table(history):
    states = run(history)
    for before, after in pairwise(states):
        assert walk(before.status, after.status), (before.status, after.status)


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_a_terminal_status_never_changes(history):
    states = run(history)
    ended = next((state for state in states if state.status in TERMINAL), None)
    if ended is not None:
        assert states[-1] == ended


@given(ANYTHING, st.data())
@settings(max_examples=100, deadline=None)
def test_the_same_event_twice_changes_nothing_more(history, data):
    if not history:
        return
    index = data.draw(st.integers(0, len(history) - 1))
    once = run(history[: index + 1])[-1]
    assert project(once, history[index], T0 + timedelta(seconds=index)) == once


@given(ANYTHING, st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_events_of_older_attempts_change_nothing_but_the_newest_checkpoint(history, old):
    state = run(history)[-1]
    for data in (requested(old), running(old), started(old), progressed(old, 299), interrupted(old),
                 failed(old, retryable=False), failed(old, retryable=True), resumed(old, 5),
                 given_up(old), completed(old), *(stage(old, name) for name in STAGES)):
        if old < state.attempt:
            assert project(state, data, T0) == state


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_attempts_and_interruptions_only_grow(history):
    states = run(history)
    for before, after in pairwise(states):
        assert after.attempt >= before.attempt
        assert after.interrupted_attempt >= before.interrupted_attempt
        assert after.interrupted_attempt <= max(after.attempt, before.attempt)


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_within_an_attempt_the_stages_go_forwards(history):
    order = {name: index for index, name in enumerate(STAGES)}
    states = run(history)
    for before, after in pairwise(states):
        if before.attempt == after.attempt and before.status in order and after.status in order:
            assert order[after.status] >= order[before.status]


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_after_an_interruption_only_a_newer_attempt_or_a_result_moves_the_job(history):
    states = run(history)
    for before, after in pairwise(states):
        waits = before.status is JobStatus.RECOVERING and before.interrupted_attempt == before.attempt
        if waits and after.attempt == before.attempt:
            assert after.status in {JobStatus.RECOVERING, *TERMINAL}


@given(st.permutations([requested(1), waiting(1), running(1), started(1), *(stage(1, name) for name in STAGES),
                        progressed(1, 100), checkpoint(1, 100), progressed(1, 300)]))
@settings(max_examples=100, deadline=None)
def test_one_undisturbed_attempt_ends_in_the_same_place_in_any_order(order):
    final = run([*order, completed(1)])[-1]
    assert (final.status, final.step, final.attempt) == (JobStatus.COMPLETED, 300, 1)
    before = run(list(order))[-1]
    assert before.status is JobStatus.FINALIZATION
    assert before.started_at is not None


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_a_job_in_line_for_a_machine_never_says_that_it_is_provisioned(history):
    for state in run(history):
        if state.machines_ahead is not None:
            assert state.status in (JobStatus.QUEUED, JobStatus.RECOVERING, JobStatus.PAUSED)


def test_a_job_without_a_machine_waits_in_line_until_it_has_one():
    states = run([requested(1), waiting(1, 3), waiting(1, 0), running(1), waiting(1, 0)])
    assert [state.status.value for state in states[1:]] == [
        "provisioning", "queued", "queued", "provisioning", "provisioning"]
    assert [state.machines_ahead for state in states[1:]] == [None, 3, 0, None, None]
    assert [state.reason.code for state in states[2:5]] == ["waiting_for_capacity"] * 2 + ["pod_running"]
    again = run([requested(1), running(1), interrupted(1), waiting(2, 1), requested(2), waiting(2, 0), running(2)])
    assert [state.status.value for state in again[3:]] == [
        "recovering", "recovering", "provisioning", "recovering", "provisioning"]


@given(st.permutations([requested(1), interrupted(1), requested(2), running(2), progressed(2, 50)]))
@settings(max_examples=120, deadline=None)
def test_an_interruption_that_arrives_late_does_not_stop_the_next_attempt(order):
    state = run(list(order))[-1]
    assert (state.attempt, state.status) == (2, JobStatus.TRAINING)


@given(st.permutations([requested(1), progressed(1, 100), interrupted(1), interrupted(1), requested(2),
                        resumed(2, 60), stage(2, JobStatus.TRAINING), progressed(2, 80), completed(2)]))
@settings(max_examples=100, deadline=None)
def test_any_order_of_an_interrupted_run_completes(order):
    assert run(list(order))[-1].status is JobStatus.COMPLETED


@given(ANYTHING)
@settings(max_examples=80, deadline=None)
def test_progress_is_a_percentage_and_full_only_at_the_end(history):
    for state in run(history):
        assert 0.0 <= progress_percentage(state) <= 100.0
        assert (progress_percentage(state) == 100.0) == (state.status is JobStatus.COMPLETED)


@given(ANYTHING)
@settings(max_examples=80, deadline=None)
def test_nothing_but_a_start_moves_a_pending_job(history):
    state = run(history, JobState())[-1]
    assert (state.status, state.attempt) == (JobStatus.PENDING, 0)


@given(ANYTHING)
@settings(max_examples=80, deadline=None)
def test_an_ended_job_has_an_end_and_a_reason(history):
    state = run(history)[-1]
    assert (state.completed_at is not None) == (state.status in TERMINAL)
    if state.status is JobStatus.FAILED:
        assert state.reason is not None
        assert state.reason.suggested_fix
        assert state.error_type is not None
    if state.status is JobStatus.COMPLETED:
        assert state.error_type is None


@pytest.mark.parametrize("status", sorted(ACTIVE | {JobStatus.PENDING, JobStatus.PAUSED}))
def test_a_user_can_cancel_whatever_has_not_ended(status):
    state = cancelled(JobState(status=status), "ada", T0)
    assert (state.status, state.completed_at) == (JobStatus.CANCELLED, T0)
    assert "ada" in state.reason.message


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_what_has_ended_is_neither_queued_nor_cancelled(status):
    ended = JobState(status=status)
    assert cancelled(ended, "ada", T0) == ended
    assert queued(ended) == ended


def test_the_table_is_complete_and_its_ends_are_ends():
    assert set(TRANSITIONS) == set(JobStatus)
    assert all(not TRANSITIONS[status] for status in TERMINAL)
    assert all(allowed_actions(status) for status in JobStatus)


def test_a_resume_shows_where_it_began_and_that_work_was_lost():
    states = run([requested(1), progressed(1, 120), checkpoint(1, 100), interrupted(1), requested(2), resumed(2, 100)])
    assert "step 100" in states[4].reason.message
    assert (states[-1].step, states[-1].recoveries) == (100, 1)
    assert "Resumed from step 100" in states[-1].reason.message


def test_an_error_carries_its_class_and_the_way_out():
    out_of_memory = events.TrainingFailed(**about(1), error_type=TrainingErrorType.OUT_OF_MEMORY, message="CUDA OOM",
                                          suggested_fix="", retryable=False, failed_at=T0)
    state = run([requested(1), out_of_memory])[-1]
    assert state.error_type is TrainingErrorType.OUT_OF_MEMORY
    assert "Halve" in state.reason.suggested_fix


def test_a_new_attempt_that_begins_before_the_lost_steps_shows_its_own_progress():
    """The stage may be known before the resume: steps up to the lost ones must be shown all the same."""
    history = [requested(1), progressed(1, 250), checkpoint(1, 200), interrupted(1), requested(2),
               stage(2, JobStatus.TRAINING), resumed(2, 100), progressed(2, 101)]
    states = run(history)
    assert [state.step for state in states[4:]] == [250, None, None, 100, 101]
    assert progress_percentage(states[6]) == pytest.approx(6 + 90 * 200 / 300)


def used_up() -> EventData:
    return events.CostLimitReached(job_id=JOB, workspace_id=WORKSPACE, cost_micro_usd=16_000_000,
                                   reserved_micro_usd=15_000_000, month="2026-11",
                                   budget_micro_usd=500_000_000, as_of=T0)


def test_a_job_that_has_used_up_its_money_ends_with_the_figures():
    state = run([requested(1), progressed(1, 5), checkpoint(1, 4), used_up()])[-1]
    assert (state.status, state.error_type, state.error_code) == (
        JobStatus.FAILED, TrainingErrorType.BUDGET, "budget_stop")
    assert state.error_facts == {"cost_usd": 16.0, "limit_usd": 15.0}
    assert "$16.00" in state.reason.message
    assert "$500.00 budget of 2026-11" in state.reason.message
    assert (state.last_checkpoint_step, state.completed_at is not None) == (4, True)


def test_a_job_that_is_saving_its_adapter_is_not_stopped_by_the_budget():
    state = run([requested(1), stage(1, JobStatus.TRAINING), stage(1, JobStatus.FINALIZATION), used_up()])[-1]
    assert state.status is JobStatus.FINALIZATION
