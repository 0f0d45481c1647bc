"""A job and the moves that users and events make it take."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import events
from contracts.envelope import EventData
from contracts.error_taxonomy import TrainingErrorType
from contracts.events import TrainingFileReference
from contracts.job_projection import JobState, cancelled, queued
from contracts.job_status import ACTIVE, JobAction, JobStatus, allowed_actions
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.errors import MoveRefused


@dataclass(frozen=True)
class Job:
    """What decisions need of a job's row."""

    id: UUID
    workspace_id: UUID
    training_file_id: UUID
    name: str
    description: str
    notes: str
    tags: tuple[str, ...]
    created_by: str
    configuration: Configuration
    state: JobState
    retry_count: int
    event_seq: int
    reservation_id: UUID | None = None
    cost_micro_usd: int = 0
    cost_final: bool = False


@dataclass(frozen=True)
class Decision:
    """The state a move leads to and what is published about it."""

    state: JobState
    events: tuple[EventData, ...]


@dataclass(frozen=True)
class Reservation:
    """The budget's answer to a start."""

    id: UUID
    estimated_cost_micro_usd: int
    estimated_duration_s: float
    reserved_micro_usd: int | None = None


def check(job: Job, action: JobAction) -> None:
    """Raises MoveRefused."""
    if action not in allowed_actions(job.state.status):
        raise MoveRefused(job.id, action, job.state.status)


def was_queued_with(job: Job | None, reservation_id: UUID | None) -> bool:
    """Whether this reservation (None: any) pays for the job. It is given back with the job's end, not before."""
    return job is not None and job.reservation_id is not None and reservation_id in (None, job.reservation_id)


def cost_after(job: Job, cost: events.CostUpdated) -> dict[str, Any]:
    """The job's money. A cost only grows, so an older figure that arrives late changes nothing; the final one settles
    it."""
    if job.cost_final and not cost.final:
        return {}
    amount = cost.cost_micro_usd if cost.final else max(job.cost_micro_usd, cost.cost_micro_usd)
    return {"actual_cost_micro_usd": amount, "cost_final": cost.final}


def start(job: Job, file: TrainingFileReference, reservation: Reservation, by: str) -> Decision:
    """Queue a pending job whose cost is reserved. Raises MoveRefused."""
    check(job, JobAction.START)
    state, configuration = queued(job.state), job.configuration
    request = events.JobStartRequested(
        job_id=job.id, workspace_id=job.workspace_id, job_name=job.name, requested_by=by, training_file=file,
        hyperparameters=configuration.hyperparameters, base_model=configuration.base_model,
        gpu_type=configuration.gpu_type, pricing_tier=configuration.pricing_tier,
        max_duration_s=configuration.max_duration_s, reservation_id=reservation.id,
        estimated_cost_micro_usd=reservation.estimated_cost_micro_usd,
        estimated_duration_s=reservation.estimated_duration_s,
        cost_ceiling_micro_usd=reservation.reserved_micro_usd,
    )
    return Decision(state, (request, *_status_change(job, state)))


def cancel(job: Job, by: str, reason: str, at: datetime) -> Decision:
    """End the job now; the machine of an active one is asked to go. Raises MoveRefused."""
    check(job, JobAction.CANCEL)
    state = cancelled(job.state, by, at)
    stop: tuple[EventData, ...] = ()
    if job.state.status in ACTIVE:
        stop = (events.JobCancelRequested(
            job_id=job.id, workspace_id=job.workspace_id, requested_by=by, reason=reason),)
    ended = events.JobCancelled(
        job_id=job.id, workspace_id=job.workspace_id, job_name=job.name, cancelled_by=by, reason=reason,
        cancelled_at=at)
    return Decision(state, (*stop, ended, *_status_change(job, state)))


def announce(job: Job, state: JobState, at: datetime) -> tuple[EventData, ...]:
    """What the world is told when events from outside moved the job to `state`; nothing when it did not move."""
    return (*_status_change(job, state), *_outcome(job, state, at))


def _status_change(job: Job, state: JobState) -> tuple[EventData, ...]:
    if state.status is job.state.status:
        return ()
    return (events.JobStatusChanged(
        job_id=job.id, workspace_id=job.workspace_id, from_status=job.state.status, to_status=state.status,
        reason=state.reason.message if state.reason else "", attempt=state.attempt or None),)


def _outcome(job: Job, state: JobState, at: datetime) -> tuple[EventData, ...]:
    if state.status is job.state.status:
        return ()
    if state.status is JobStatus.COMPLETED:
        return (events.JobCompleted(
            job_id=job.id, workspace_id=job.workspace_id, job_name=job.name, created_by=job.created_by,
            started_at=state.started_at, completed_at=state.completed_at or at, final_loss=state.loss,
            final_validation_loss=state.validation_loss, total_steps=state.total_steps,
            interruptions=state.recoveries),)
    if state.status is JobStatus.FAILED:
        reason = state.reason
        return (events.JobFailed(
            job_id=job.id, workspace_id=job.workspace_id, job_name=job.name, created_by=job.created_by,
            error_type=state.error_type or TrainingErrorType.UNKNOWN, error_code=state.error_code,
            message=reason.message if reason else "", suggested_fix=reason.suggested_fix if reason else "",
            context=dict(state.error_facts), failed_at=state.completed_at or at),)
    return ()
