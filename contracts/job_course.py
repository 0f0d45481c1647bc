"""The course of a run over all its attempts: what is safe, what is done again, and how long both take.

Pure, beside `contracts.job_projection`, which says which events count at all.
"""

from datetime import datetime
from functools import singledispatch
from math import isfinite

from pydantic import BaseModel, ConfigDict

from contracts import events
from contracts.envelope import EventData


class Course(BaseModel):
    """Steps and seconds; None: not known.

    `safe_step`: what the next attempt would go on from, saved by `safe_attempt`. `began_at_step`: where the present
    attempt went on. `furthest_step`: the highest step that any attempt has done. `machine_since`: of the present
    attempt, until its first step. `restart_s`: how long the last start took, from the machine to the first step.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    safe_step: int | None = None
    safe_attempt: int = 0
    began_at_step: int | None = None
    furthest_step: int | None = None
    stepped: bool = False
    machine_since: datetime | None = None
    restart_s: float | None = None
    seconds_per_step: float | None = None


NOTHING_DONE = Course()


def new_attempt(course: Course) -> Course:
    return _with(course, began_at_step=None, stepped=False, machine_since=None)


def follow(course: Course, data: EventData, *, attempt: int, step: int | None, at: datetime) -> Course:
    """The course after an event that counts. `attempt` and `step`: where the job stands after it."""
    return _follow(data, course, attempt, step, at)


def time_left_s(course: Course, total_steps: int | None, at: datetime) -> float | None:
    """While an attempt has not stepped yet: its start, the steps that are done again, and the rest."""
    if total_steps is None or course.seconds_per_step is None:
        return None
    restart_s = course.restart_s or 0.0
    if course.machine_since is not None:
        restart_s = max(0.0, restart_s - (at - course.machine_since).total_seconds())
    base = course.safe_step if course.began_at_step is None else course.began_at_step
    return restart_s + max(0, total_steps - (base or 0)) * course.seconds_per_step


@singledispatch
def _follow(data: EventData, course: Course, attempt: int, step: int | None, at: datetime) -> Course:
    return course


@_follow.register
def _(data: events.PodRunning, course: Course, attempt: int, step: int | None, at: datetime) -> Course:
    return course if course.stepped else _with(course, machine_since=data.running_since)


@_follow.register(events.PodInterrupted)
@_follow.register(events.TrainingFailed)
def _(data: EventData, course: Course, attempt: int, step: int | None, at: datetime) -> Course:
    return new_attempt(course)


@_follow.register
def _(data: events.CheckpointSaved, course: Course, attempt: int, step: int | None, at: datetime) -> Course:
    if data.step <= (-1 if course.safe_step is None else course.safe_step):
        return course
    # The present attempt began before it: it was damaged, or not there yet, and what was done is done again.
    stands_before = course.began_at_step if step is None else step
    if data.attempt < attempt and stands_before is not None and stands_before < data.step:
        return course
    return _furthest(_with(course, safe_step=data.step, safe_attempt=data.attempt), data.step)


@_follow.register
def _(data: events.TrainingResumed, course: Course, attempt: int, step: int | None, at: datetime) -> Course:
    began = _with(course, began_at_step=data.resumed_from_step)
    if course.safe_attempt < data.attempt:
        began = _with(began, safe_step=data.resumed_from_step, safe_attempt=data.checkpoint_attempt)
    return _furthest(began, data.resumed_from_step)


@_follow.register
def _(data: events.TrainingProgressed, course: Course, attempt: int, step: int | None, at: datetime) -> Course:
    if not course.stepped and course.machine_since is not None:
        course = _with(course, restart_s=max(0.0, (at - course.machine_since).total_seconds()))
    course = _furthest(_with(course, stepped=True, machine_since=None), data.step)
    if course.safe_step is not None and data.step < course.safe_step and course.safe_attempt < data.attempt:
        course = _with(course, safe_step=course.began_at_step)
    left = data.total_steps - data.step
    if data.eta_s and isfinite(data.eta_s) and left > 0:
        course = _with(course, seconds_per_step=data.eta_s / left)
    return course


def _furthest(course: Course, step: int) -> Course:
    return _with(course, furthest_step=max(step, course.furthest_step or 0))


def _with(course: Course, **changes: object) -> Course:
    return course.model_copy(update=changes)
