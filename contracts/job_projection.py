"""A job's status as a projection of events: pure, so that any order, duplicate or old attempt can be tried.

Rules, each held by a property test:
- an event of an older attempt changes nothing;
- after an attempt was interrupted or set aside by its user, only its completion still counts, and only until a newer
  attempt exists;
- a paused job is moved by its user, by its end, and by nothing else;
- a terminal status never changes;
- within an attempt a job moves forwards over the stages, never backwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import Any

from contracts import events
from contracts.envelope import EventData
from contracts.error_catalogue import CATALOGUE, ErrorCode, entry_of, kept_facts
from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.job_course import NOTHING_DONE, Course, follow, new_attempt, time_left_s
from contracts.job_reasons import RUNS, StatusReason, budget_stop_message, idle, waiting_for_capacity
from contracts.job_status import STAGES, TERMINAL, JobStatus, may_move


@dataclass(frozen=True)
class JobState:
    """What events have made of a job. `attempt` 0: no pod was ever asked for."""

    status: JobStatus = JobStatus.PENDING
    attempt: int = 0
    # Attempts up to this one were interrupted.
    interrupted_attempt: int = 0
    # Attempts that their user ended, by a pause or another tier: what follows them is no recovery.
    set_aside: tuple[int, ...] = ()
    current_stage: JobStatus | None = None
    reason: StatusReason | None = None
    error_type: TrainingErrorType | None = None
    # Refines the type; the facts are the figures of its explanation (contracts.error_catalogue).
    error_code: str | None = None
    error_facts: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    step: int | None = None
    total_steps: int | None = None
    epoch: float | None = None
    loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    perplexity: float | None = None
    eta_s: float | None = None
    last_checkpoint_step: int | None = None
    machines_ahead: int | None = None  # attempts before it in line; None: it waits for no machine in vain
    course: Course = NOTHING_DONE

    @property
    def recoveries(self) -> int:
        """Attempts that replaced one which was lost."""
        return max(0, self.attempt - 1 - sum(number < self.attempt for number in self.set_aside))


def moved(state: JobState, target: JobStatus, reason: StatusReason | None = None) -> JobState:
    if state.status is not target and not may_move(state.status, target):
        return state
    kept = state.reason if state.status is target else None
    return replace(state, status=target, reason=reason or kept, machines_ahead=None)


def _in_attempt(state: JobState, attempt: int) -> JobState | None:
    """The state with this attempt adopted, or None when the event comes from an attempt that no longer counts."""
    if state.status in TERMINAL or state.status is JobStatus.PENDING:
        return None
    if attempt < state.attempt or attempt <= state.interrupted_attempt:
        return None
    if attempt == state.attempt:
        return state
    # A newer attempt starts over: the job may go back to an earlier stage only by way of recovery.
    fresh = replace(state, attempt=attempt, current_stage=None, eta_s=None)
    if state.attempt == 0:
        return fresh
    # Its step is unknown until it speaks: steps beyond the checkpoint were lost, and must not hide its own.
    fresh = replace(fresh, step=None, interrupted_attempt=max(state.interrupted_attempt, attempt - 1))
    return fresh if state.status is JobStatus.QUEUED else replace(fresh, status=JobStatus.RECOVERING)


@singledispatch
def _apply(data: EventData, state: JobState, at: datetime) -> JobState:
    return state


def project(state: JobState, data: EventData, at: datetime) -> JobState:
    """The state after this event. `at` is the event's own time; the same events give the same state."""
    after = _apply(data, _fenced(state, getattr(data, "attempt", 0)), at)
    changed = after != state or isinstance(data, events.CheckpointSaved)
    if not changed or after.status is JobStatus.PENDING or after.status in TERMINAL:
        return after
    before = state.course if after.attempt == state.attempt else new_attempt(state.course)
    course = follow(before, data, attempt=after.attempt, step=after.step, at=at)
    return _with_time_left(replace(after, course=course), at)


def _with_time_left(state: JobState, at: datetime) -> JobState:
    """Until an attempt steps, nobody tells how long the job will take: the restart counts too."""
    restarts = state.status in (JobStatus.RECOVERING, JobStatus.PROVISIONING, *STAGES) and (
        not state.course.stepped or state.interrupted_attempt >= state.attempt)
    return replace(state, eta_s=time_left_s(state.course, state.total_steps, at)) if restarts else state


def _fenced(state: JobState, attempt: int) -> JobState:
    """A paused job has no attempt that counts, also when one was begun before the pause was heard of."""
    if state.status is not JobStatus.PAUSED or attempt <= state.attempt:
        return state
    others = tuple(number for number in state.set_aside if number != state.attempt)
    return replace(state, attempt=attempt, interrupted_attempt=attempt, set_aside=(*others, attempt))


@_apply.register
def _(data: events.PodRequested, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    code = "provisioning" if data.attempt == 1 else "reprovisioning"
    message = f"Asking {data.provider} for a {data.gpu_type.value} machine (attempt {data.attempt})."
    return moved(current, JobStatus.PROVISIONING, StatusReason(code, message))


@_apply.register
def _(data: events.PodWaiting, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None or current.status in STAGES or (current.reason is not None and current.reason.code == RUNS):
        return current or state  # said late: it has its machine
    again = current.status is JobStatus.RECOVERING or (data.attempt > 1 and current.status is JobStatus.PROVISIONING)
    target = JobStatus.RECOVERING if again else JobStatus.QUEUED
    return replace(moved(current, target, waiting_for_capacity(data)), machines_ahead=data.ahead)


@_apply.register
def _(data: events.PodRunning, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    reason = StatusReason(RUNS, f"Machine {data.pod_name} runs; the trainer is starting.")
    return replace(moved(current, JobStatus.PROVISIONING, reason), started_at=state.started_at or data.running_since)


@_apply.register
def _(data: events.PodInterrupted, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    kept = state.last_checkpoint_step
    progress = f"resuming from step {kept}" if kept is not None else "starting again, no checkpoint was saved yet"
    reason = StatusReason("interrupted", f"The machine was interrupted ({data.detected_by.value}); {progress}.")
    result = moved(current, JobStatus.RECOVERING, reason)
    return replace(result, interrupted_attempt=data.attempt, eta_s=None)


@_apply.register
def _(data: events.PodTerminated, state: JobState, at: datetime) -> JobState:
    paused = state.status is JobStatus.PAUSED and data.attempt >= state.attempt
    return replace(state, reason=idle(state.last_checkpoint_step)) if paused else state


@_apply.register
def _(data: events.TrainingPaused, state: JobState, at: datetime) -> JobState:
    pausing = state.status is JobStatus.PAUSED and state.reason is not None and state.reason.code == "pausing"
    if not pausing or data.attempt < state.attempt:
        return state
    return replace(state, reason=StatusReason("pausing", f"Paused at step {data.step}; its machine is being ended."))


@_apply.register
def _(data: events.PodFailed, state: JobState, at: datetime) -> JobState:
    if state.status in TERMINAL or state.status is JobStatus.PENDING or data.attempt < state.attempt:
        return state
    return _failed(replace(state, attempt=data.attempt), data, at)


@_apply.register
def _(data: events.TrainingStarted, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    started = replace(current, started_at=state.started_at or data.started_at)
    return moved(started, JobStatus.PREPROCESSING) if started.current_stage is None else started


@_apply.register
def _(data: events.TrainingStageChanged, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    reason = StatusReason(data.stage.value, data.message) if data.message else None
    result = moved(current, data.stage, reason)
    return replace(result, current_stage=data.stage) if result.status is data.stage else result


@_apply.register
def _(data: events.TrainingResumed, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    reason = StatusReason("resumed", f"Resumed from step {data.resumed_from_step} (attempt {data.attempt}).")
    # This attempt's own progress may have overtaken the news of where it began.
    return replace(current, reason=reason, step=max(data.resumed_from_step, current.step or 0))


@_apply.register
def _(data: events.TrainingProgressed, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    if current.step is not None and data.step < current.step:
        return current
    result = moved(current, JobStatus.TRAINING)
    return replace(
        result,
        step=data.step,
        total_steps=data.total_steps,
        epoch=data.epoch,
        loss=data.loss if data.loss is not None else current.loss,
        validation_loss=data.validation_loss if data.validation_loss is not None else current.validation_loss,
        learning_rate=data.learning_rate if data.learning_rate is not None else current.learning_rate,
        perplexity=data.perplexity if data.perplexity is not None else current.perplexity,
        eta_s=data.eta_s,
    )


@_apply.register
def _(data: events.CheckpointSaved, state: JobState, at: datetime) -> JobState:
    # A checkpoint of an older attempt is as good as any other.
    if state.status in TERMINAL:
        return state
    saved = replace(state, last_checkpoint_step=max(data.step, state.last_checkpoint_step or 0))
    rests = state.status is JobStatus.PAUSED and state.reason is not None and state.reason.code == "paused"
    return replace(saved, reason=idle(saved.last_checkpoint_step)) if rests else saved


@_apply.register
def _(data: events.TrainingCompleted, state: JobState, at: datetime) -> JobState:
    if state.status in TERMINAL or state.status is JobStatus.PENDING or data.attempt < state.attempt:
        return state
    done = replace(
        state,
        attempt=data.attempt,
        step=data.total_steps,
        total_steps=data.total_steps,
        epoch=data.epochs,
        loss=data.final_loss if data.final_loss is not None else state.loss,
        validation_loss=data.final_validation_loss if data.final_validation_loss is not None else state.validation_loss,
        eta_s=0.0,
        completed_at=data.completed_at,
        error_type=None,
        error_code=None,
        error_facts={},
    )
    reason = StatusReason("completed", "The adapter is trained, uploaded and verified.")
    return moved(done, JobStatus.COMPLETED, reason)


@_apply.register
def _(data: events.TrainingFailed, state: JobState, at: datetime) -> JobState:
    current = _in_attempt(state, data.attempt)
    if current is None:
        return state
    if data.retryable:
        reason = StatusReason("attempt_failed", data.message, data.suggested_fix)
        return replace(moved(current, JobStatus.RECOVERING, reason), interrupted_attempt=data.attempt, eta_s=None)
    return _failed(current, data, at)


@_apply.register
def _(data: events.CostLimitReached, state: JobState, at: datetime) -> JobState:
    """A paused job costs nothing; one that is saving its adapter is worth the minute that it still takes."""
    if state.status in (JobStatus.PAUSED, JobStatus.FINALIZATION):
        return state
    code = ErrorCode.BUDGET_STOP
    facts = {"cost_usd": data.cost_micro_usd / 1e6, "limit_usd": data.reserved_micro_usd / 1e6}
    reason = StatusReason("budget_stop", budget_stop_message(data), CATALOGUE[code].what_to_do)
    return _ended(state, reason, CATALOGUE[code].error_type, code, facts, at)


def _failed(state: JobState, failure: events.PodFailed | events.TrainingFailed, at: datetime) -> JobState:
    error_type, fix = failure.error_type, failure.suggested_fix
    reason = StatusReason(error_type.value, failure.message, fix or ERROR_CLASSES[error_type].suggested_fix)
    code = entry_of(error_type, failure.error_code, failure.message).code
    return _ended(state, reason, error_type, code, kept_facts(failure.context), at)


def _ended(
    state: JobState, reason: StatusReason, error_type: TrainingErrorType, code: ErrorCode, facts: Mapping[str, Any],
    at: datetime,
) -> JobState:
    result = moved(state, JobStatus.FAILED, reason)
    if result.status is not JobStatus.FAILED:
        return state
    return replace(
        result, error_type=error_type, error_code=code.value, error_facts=facts, completed_at=at, eta_s=None)
