"""What a person sees of a run that is interrupted: safe progress stays, lost work is not shown as done."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import events
from contracts.envelope import EventData
from contracts.job_progress import done_step, progress_percentage, redone_steps
from contracts.job_projection import JobState, project
from contracts.job_status import STAGES, TERMINAL, JobStatus
from tests.contracts.test_job_projection import (
    ANYTHING,
    QUEUED,
    T0,
    about,
    checkpoint,
    completed,
    interrupted,
    pod,
    progressed,
    requested,
    resumed,
    run,
    stage,
    started,
)
from tests.contracts.test_job_projection import MACHINE as LOCAL

TOTAL = 300
# What a stage shows before anything is done.
FLOORS = {JobStatus.FINALIZATION: 96.0, JobStatus.COMPLETED: 100.0}


def share(step: int) -> float:
    return 6 + 90 * step / TOTAL


def running(attempt: int, since_s: float = 0.0) -> EventData:
    since = T0 + timedelta(seconds=since_s)
    return events.PodRunning(**pod(attempt), **LOCAL, provider_pod_id="p", running_since=since)


def stepped(attempt: int, step: int, eta_s: float | None = None) -> EventData:
    return events.TrainingProgressed(**about(attempt), step=step, total_steps=TOTAL, epoch=0, loss=1, eta_s=eta_s)


@st.composite
def interrupted_runs(draw: st.DrawFn) -> list[EventData]:
    """Some attempts as a trainer lives them: each goes on from the newest checkpoint, and loses what came after it."""
    history, safe = [], 0
    attempts = draw(st.integers(1, 4))
    for attempt in range(1, attempts + 1):
        told = [requested(attempt), running(attempt), started(attempt), stage(attempt, JobStatus.PREPROCESSING),
                stage(attempt, JobStatus.MODEL_LOADING), stage(attempt, JobStatus.TRAINING)]
        told += [resumed(attempt, safe)] if safe else []
        step = safe
        for length in draw(st.lists(st.integers(1, 40), max_size=6)):
            step = min(TOTAL, step + length)
            told.append(progressed(attempt, step))
            if draw(st.booleans()):
                safe = step
                told.append(checkpoint(attempt, step))
        if attempt < attempts:
            cut = draw(st.integers(1, len(told)))
            if any(isinstance(data, events.CheckpointSaved) for data in told[cut:]):
                cut = len(told)
            told = [*told[:cut], interrupted(attempt)]
        history += told
    return history


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_progress_is_never_below_the_checkpoint_that_is_safe(history):
    for state in run(history):
        if state.total_steps and state.status not in {JobStatus.QUEUED, *TERMINAL} and state.course.safe_step:
            assert progress_percentage(state) >= round(share(min(TOTAL, state.course.safe_step)), 2)


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_progress_never_shows_more_than_what_is_done(history):
    done = 0
    for data, state in zip([None, *history], run(history), strict=True):
        done = max(done, getattr(data, "step", 0) or 0, getattr(data, "resumed_from_step", 0))
        assert progress_percentage(state) <= max(FLOORS.get(state.status, 6.0), round(share(done), 2))


@given(interrupted_runs())
@settings(max_examples=100, deadline=None)
def test_whatever_is_interrupted_progress_never_falls_below_a_checkpoint_that_was_saved(history):
    safe = 0
    for data, state in zip([None, *history], run(history), strict=True):
        if isinstance(data, events.CheckpointSaved):
            safe = max(safe, data.step)
        if safe:
            assert progress_percentage(state) >= round(share(safe), 2)
            assert done_step(state) >= safe


@given(interrupted_runs())
@settings(max_examples=100, deadline=None)
def test_only_an_interruption_makes_progress_fall_and_then_it_stands_at_what_is_safe(history):
    states = run(history)
    for data, (before, after) in zip(history, pairwise(states), strict=True):
        if progress_percentage(after) < progress_percentage(before):
            assert isinstance(data, events.PodInterrupted | events.PodRequested)
            assert done_step(after) == (after.course.safe_step or 0)


def test_what_is_done_again_is_told_until_it_has_caught_up():
    history = [requested(1), progressed(1, 150), checkpoint(1, 100), progressed(1, 160), interrupted(1), requested(2),
               stage(2, JobStatus.MODEL_LOADING), stage(2, JobStatus.TRAINING), resumed(2, 100), progressed(2, 130),
               progressed(2, 160), progressed(2, 170)]
    states = run(history)
    assert [redone_steps(state) for state in states] == [
        None, None, None, None, None, *[(100, 160)] * 6, None, None]
    assert [progress_percentage(state) for state in states[5:10]] == [share(100)] * 5
    assert progress_percentage(states[10]) == share(130)


def test_without_a_checkpoint_all_is_done_again():
    states = run([requested(1), progressed(1, 40), interrupted(1), requested(2)])
    assert redone_steps(states[-1]) == (0, 40)
    assert progress_percentage(states[-1]) == 1.0


def test_a_damaged_checkpoint_is_safe_no_more_and_a_newer_one_is():
    history = [requested(1), progressed(1, 250), checkpoint(1, 100), checkpoint(1, 200), interrupted(1), requested(2),
               resumed(2, 100), progressed(2, 110), checkpoint(2, 150), interrupted(2)]
    states = run(history)
    assert [state.course.safe_step for state in states[5:]] == [200, 200, 100, 100, 150, 150]
    assert states[-1].last_checkpoint_step == 200
    assert redone_steps(states[-1]) == (150, 250)


def test_an_attempt_that_begins_anew_stands_on_no_checkpoint():
    states = run([requested(1), progressed(1, 250), checkpoint(1, 200), interrupted(1), requested(2),
                  progressed(2, 5), checkpoint(1, 210)])
    assert progress_percentage(states[-1]) == share(5)
    assert redone_steps(states[-1]) == (0, 250)


def timed(*history: tuple[float, EventData]) -> JobState:
    state = QUEUED
    for at_s, data in history:
        state = project(state, data, T0 + timedelta(seconds=at_s))
    return state


# Its machine came after 10 s, the first step after another 60 s; 2 s for each step.
BEGIN = [(0, requested(1)), (10, running(1, 10)), (70, stepped(1, 1, 598)), (200, checkpoint(1, 50)),
         (270, stepped(1, 100, 400))]


@pytest.mark.parametrize(("further", "left_s"), [
    ([], 400),
    ([(275, interrupted(1))], 60 + 250 * 2),  # a start, the 50 steps that were lost, the rest
    ([(275, interrupted(1)), (900, requested(2))], 560),  # waiting for a machine does not shorten it
    ([(275, interrupted(1)), (900, requested(2)), (910, running(2, 910))], 560),
    ([(275, interrupted(1)), (910, running(2, 910)), (930, stage(2, JobStatus.MODEL_LOADING))], 540),
    ([(275, interrupted(1)), (910, running(2, 910)), (960, resumed(2, 50))], 510),
    ([(275, interrupted(1)), (910, running(2, 910)), (1500, stage(2, JobStatus.TRAINING))], 500),
    ([(275, interrupted(1)), (910, running(2, 910)), (960, resumed(2, 50)), (1000, stepped(2, 51, 249))], 249),
])
def test_the_time_left_counts_the_restart(further, left_s):
    assert timed(*BEGIN, *further).eta_s == pytest.approx(left_s)


def test_without_a_measured_step_nobody_says_how_long_it_takes():
    assert timed((0, requested(1)), (10, running(1, 10)), (20, interrupted(1)), (30, requested(2))).eta_s is None


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_the_time_left_is_never_negative_and_an_ended_job_has_none(history):
    for state in run(history):
        assert state.eta_s is None or state.eta_s >= 0
        if state.status in TERMINAL:
            assert not state.eta_s


def test_a_completed_run_shows_all_and_does_nothing_again():
    states = run([requested(1), progressed(1, 100), checkpoint(1, 90), interrupted(1), requested(2), resumed(2, 90),
                  *(stage(2, name) for name in STAGES), progressed(2, 300), completed(2)])
    assert progress_percentage(states[-1]) == 100.0
    assert redone_steps(states[-1]) is None
