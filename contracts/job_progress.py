"""How far a job is, as a person should see it: what is safe stays, what was lost is not counted as done."""

from contracts.job_projection import JobState
from contracts.job_status import JobStatus

# Shares of a run's progress bar; training takes nearly all of the time.
_PROGRESS_AT = {
    JobStatus.PENDING: 0.0,
    JobStatus.QUEUED: 0.0,
    JobStatus.RECOVERING: 1.0,
    JobStatus.PROVISIONING: 1.0,
    JobStatus.PREPROCESSING: 2.0,
    JobStatus.MODEL_LOADING: 4.0,
    JobStatus.TRAINING: 6.0,
    JobStatus.FINALIZATION: 96.0,
    JobStatus.COMPLETED: 100.0,
}
_BEGIN, _END = _PROGRESS_AT[JobStatus.TRAINING], _PROGRESS_AT[JobStatus.FINALIZATION]


def done_step(state: JobState) -> int:
    """The step that the job stands at: the present attempt's, else the newest one from which it can go on."""
    is_lost, safe = state.interrupted_attempt >= state.attempt, state.course.safe_step or 0
    # A checkpoint may be heard of before the step that it holds.
    return safe if state.step is None or is_lost else max(state.step, safe)


def progress_percentage(state: JobState) -> float:
    """0 to 100. The share of steps done decides, which never falls below the checkpoint that is safe; before there is
    one, the stage."""
    stage = _PROGRESS_AT.get(state.status, 0.0)
    if state.status in (JobStatus.COMPLETED, JobStatus.FINALIZATION) or not state.total_steps:
        return stage
    done = done_step(state)
    if not done and state.status is not JobStatus.TRAINING:
        return stage
    share = _BEGIN + (_END - _BEGIN) * min(1.0, done / state.total_steps)
    return round(max(stage, share), 2)


def redone_steps(state: JobState) -> tuple[int, int] | None:
    """(from, to): steps after `from` up to `to` that were done before and are, or will be, done again."""
    done, furthest = done_step(state), state.course.furthest_step or 0
    if state.attempt == 0 or furthest <= done:
        return None
    began, safe = state.course.began_at_step, state.course.safe_step or 0
    return safe if began is None else began, furthest


def has_caught_up(before: JobState, after: JobState) -> bool:
    """An attempt has done again what an earlier one had done."""
    furthest = before.course.furthest_step or 0
    return before.attempt == after.attempt and done_step(before) < furthest <= done_step(after)
