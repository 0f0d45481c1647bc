"""Pause, resume and another tier in contracts.job_projection: the user's words between events in any order."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.envelope import EventData
from contracts.job_moves import moved_to_tier, paused, queued
from contracts.job_progress import progress_percentage
from contracts.job_projection import JobState, project
from contracts.job_status import ACTIVE, STAGES, TERMINAL, JobAction, JobStatus, allowed_actions
from tests.contracts.test_job_projection import (
    ANYTHING,
    ATTEMPTS,
    ENDINGS,
    HARMLESS,
    QUEUED,
    STEPS,
    T0,
    checkpoint,
    completed,
    interrupted,
    pausing,
    progressed,
    requested,
    resumed,
    run,
    running,
    stage,
    terminated,
    walk,
)

Move = Callable[[JobState], JobState]


def pause(state: JobState) -> JobState:
    return paused(state, "ada")


def resume(state: JobState) -> JobState:
    return queued(state) if state.status is JobStatus.PAUSED else state


def switch(state: JobState) -> JobState:
    movable = JobAction.SWITCH_TIER in allowed_actions(state.status)
    return moved_to_tier(state, "on_demand", "ada") if movable else state


WORDS = st.sampled_from([pause, resume, switch])
HISTORY = st.lists(st.one_of(HARMLESS, HARMLESS, HARMLESS, ENDINGS, WORDS), max_size=30)


def after(history: list[EventData | Move], state: JobState = QUEUED) -> list[JobState]:
    states = [state]
    for item in history:
        states.append(item(states[-1]) if callable(item) else project(states[-1], item, T0))
    return states


@given(HISTORY)
@settings(max_examples=150, deadline=None)
def test_every_move_is_in_the_table(history):
    for before, state in pairwise(after(history)):
        assert walk(before.status, state.status), (before.status, state.status)


@given(HISTORY)
@settings(max_examples=100, deadline=None)
def test_a_paused_job_is_moved_by_its_user_or_its_end_only(history):
    states = after(history)
    for before, item, state in zip(states, history, states[1:], strict=False):
        if before.status is JobStatus.PAUSED and item is not resume:
            assert state.status in {JobStatus.PAUSED, *TERMINAL}


@given(ANYTHING, ATTEMPTS, STEPS)
@settings(max_examples=100, deadline=None)
def test_an_attempt_from_before_the_pause_cannot_come_back(history, attempt, step):
    """Whatever the machines said before the pause, and whichever of them speaks after the resume."""
    before = pause(run(history)[-1])
    if before.status is not JobStatus.PAUSED or attempt > before.attempt:
        return
    again = resume(before)
    for data in (requested(attempt), running(attempt), progressed(attempt, step), interrupted(attempt),
                 resumed(attempt, step), pausing(attempt, step), *(stage(attempt, name) for name in STAGES)):
        assert project(again, data, T0) == again
    assert project(again, requested(before.attempt + 1), T0).status is JobStatus.PROVISIONING


@given(HISTORY, st.data())
@settings(max_examples=100, deadline=None)
def test_the_same_event_twice_changes_nothing_more(history, data):
    facts = [index for index, item in enumerate(history) if not callable(item)]
    if not facts:
        return
    index = data.draw(st.sampled_from(facts))
    once = after(history[: index + 1])[-1]
    assert project(once, history[index], T0) == once


@given(HISTORY)
@settings(max_examples=100, deadline=None)
def test_attempts_only_grow_and_what_a_user_ended_is_no_recovery(history):
    states = after(history)
    for before, state in pairwise(states):
        assert state.attempt >= before.attempt
        assert state.interrupted_attempt >= before.interrupted_attempt
    assert 0 <= states[-1].recoveries <= max(0, states[-1].attempt - 1)
    assert all(0.0 <= progress_percentage(state) <= 100.0 for state in states)


RUN = [requested(1), running(1), stage(1, JobStatus.TRAINING), progressed(1, 100), checkpoint(1, 100)]


@given(st.permutations([progressed(1, 101), checkpoint(1, 101), pausing(1, 101), terminated(1), interrupted(1)]))
@settings(max_examples=120, deadline=None)
def test_in_whatever_order_the_machine_ends_the_pause_says_where_it_goes_on(order):
    state = after([*RUN, pause, *order])[-1]
    assert (state.status, state.reason.code, state.last_checkpoint_step) == (JobStatus.PAUSED, "paused", 101)
    assert "goes on from step 101. No machine runs, nothing is billed" in state.reason.message


@given(st.permutations([requested(2), running(2), resumed(2, 101), stage(2, JobStatus.TRAINING), progressed(2, 150),
                        terminated(1), interrupted(1)]))
@settings(max_examples=200, deadline=None)
def test_a_resumed_job_goes_on_in_any_order_and_counts_no_recovery(order):
    state = after([*RUN, pause, checkpoint(1, 101), resume, *order])[-1]
    assert (state.status, state.attempt, state.step, state.recoveries) == (JobStatus.TRAINING, 2, 150, 0)
    assert project(state, completed(2), T0).status is JobStatus.COMPLETED


@given(st.permutations([checkpoint(1, 101), pausing(1, 101), terminated(1), requested(2), resumed(2, 101),
                        stage(2, JobStatus.TRAINING), progressed(2, 150)]))
@settings(max_examples=200, deadline=None)
def test_another_tier_leads_to_the_next_attempt_in_any_order(order):
    state = after([*RUN, switch, *order])[-1]
    assert (state.status, state.attempt, state.step, state.recoveries) == (JobStatus.TRAINING, 2, 150, 0)


def test_a_machine_that_was_through_when_the_pause_came_has_completed_the_job():
    assert after([*RUN, pause, completed(1)])[-1].status is JobStatus.COMPLETED
    assert after([*RUN, switch, completed(1)])[-1].status is JobStatus.COMPLETED


def test_an_attempt_that_the_provisioner_began_before_it_heard_of_the_pause_stays_fenced():
    state = after([*RUN, pause, requested(2), running(2), resume, running(2)])[-1]
    assert (state.status, state.attempt) == (JobStatus.QUEUED, 2)
    assert after([requested(3)], state)[-1].recoveries == 1


def test_a_job_that_waits_in_the_queue_is_paused_without_a_machine():
    state = after([pause])[-1]
    assert (state.status, state.reason.code, state.set_aside) == (JobStatus.PAUSED, "paused", ())
    assert after([resume, requested(1)], state)[-1].recoveries == 0


@pytest.mark.parametrize("status", sorted({JobStatus.PENDING, *TERMINAL}))
def test_what_does_not_run_is_not_paused(status):
    assert pause(JobState(status=status)) == JobState(status=status)


@pytest.mark.parametrize("status", sorted(ACTIVE - {JobStatus.FINALIZATION}))
def test_what_runs_can_be_paused(status):
    assert JobAction.PAUSE in allowed_actions(status)
    assert pause(JobState(status=status)).status is JobStatus.PAUSED


def test_only_what_ended_without_an_adapter_can_be_continued_and_only_from_a_checkpoint():
    assert JobAction.CONTINUE in allowed_actions(JobStatus.FAILED, continuable=True)
    assert JobAction.CONTINUE in allowed_actions(JobStatus.CANCELLED, continuable=True)
    assert JobAction.CONTINUE not in allowed_actions(JobStatus.FAILED)
    assert JobAction.CONTINUE not in allowed_actions(JobStatus.COMPLETED, continuable=True)
