"""A job and the moves that users and events make it take."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import events
from contracts.envelope import EventData
from contracts.error_taxonomy import TrainingErrorType
from contracts.events import TrainingFileReference
from contracts.job_moves import cancelled, in_line, queued
from contracts.job_projection import JobState
from contracts.job_status import ACTIVE, JobAction, JobStatus, allowed_actions
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.errors import MoveRefused


@dataclass(frozen=True)
class Job:
    """What decisions need of a job's row. `waiting_since`: it stands in its workspace's queue; `start_requested_by`:
    who put it there last."""

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
    estimated_cost_micro_usd: int | None = None
    estimated_duration_s: float | None = None
    reserved_micro_usd: int | None = None
    waiting_since: datetime | None = None
    start_requested_by: str | None = None
    # How often it was started; the job whose checkpoint it goes on from, and how much of the training lies in that.
    run: int = 0
    continues: UUID | None = None
    done_epochs: float = 0.0
    checkpoints_expired: bool = False
    status_since: datetime | None = None
    client: str = ""
    project: str = ""
    notes_revision: int = 0

    @property
    def waits_for_turn(self) -> bool:
        return self.waiting_since is not None

    @property
    def has_checkpoint(self) -> bool:
        return self.state.last_checkpoint_step is not None and not self.checkpoints_expired


@dataclass(frozen=True)
class Decision:
    """The state a move leads to and what is published about it."""

    state: JobState
    events: tuple[EventData, ...]


def check(job: Job, action: JobAction) -> None:
    """Raises MoveRefused."""
    allowed = allowed_actions(
        job.state.status, continuable=job.has_checkpoint, waits_for_turn=job.waits_for_turn)
    if action not in allowed:
        raise MoveRefused(job.id, action, job.state.status, allowed)


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


def enters_queue(job: Job) -> Decision:
    """A job whose cost is reserved stands in the queue. Its turn may come at once."""
    state = in_line(job.state)
    return Decision(state, status_change(job, state))


def has_to_wait(job: Job) -> Decision:
    """Others come first."""
    by = job.start_requested_by or job.created_by
    return Decision(job.state, (events.JobQueued(job_id=job.id, workspace_id=job.workspace_id, requested_by=by),))


def promoted(job: Job, by: str) -> Decision:
    """It stands in front of all others that wait."""
    return Decision(job.state, (events.JobPromoted(job_id=job.id, workspace_id=job.workspace_id, promoted_by=by),))


def dispatched(job: Job, file: TrainingFileReference) -> Decision:
    """It is the turn of a job that waited: its machine is asked for, with the money it holds since it was queued."""
    return Decision(queued(job.state), (start_request(job, file),))


def start_request(job: Job, file: TrainingFileReference) -> events.JobStartRequested:
    """The next start of a job, with the money that it holds; expected is what was not spent before."""
    assert job.reservation_id is not None
    configuration = job.configuration
    return events.JobStartRequested(
        job_id=job.id, workspace_id=job.workspace_id, job_name=job.name,
        requested_by=job.start_requested_by or job.created_by, training_file=file,
        hyperparameters=configuration.hyperparameters, base_model=configuration.base_model,
        gpu_type=configuration.gpu_type, pricing_tier=configuration.pricing_tier,
        max_duration_s=configuration.max_duration_s, reservation_id=job.reservation_id,
        estimated_cost_micro_usd=max(0, (job.estimated_cost_micro_usd or 0) - job.cost_micro_usd),
        estimated_duration_s=job.estimated_duration_s or 0.0, cost_ceiling_micro_usd=job.reserved_micro_usd,
        run=job.run + 1, continues=job.continues,
    )


def cancel(job: Job, by: str, reason: str, at: datetime) -> Decision:
    """End the job now; the machine of an active one is asked to go. Raises MoveRefused."""
    check(job, JobAction.CANCEL)
    state = cancelled(job.state, by, at)
    stop: tuple[EventData, ...] = ()
    may_have_a_machine = job.state.status in ACTIVE or job.state.status is JobStatus.PAUSED
    if may_have_a_machine and not job.waits_for_turn:
        stop = (events.JobCancelRequested(
            job_id=job.id, workspace_id=job.workspace_id, requested_by=by, reason=reason),)
    ended = events.JobCancelled(
        job_id=job.id, workspace_id=job.workspace_id, job_name=job.name, cancelled_by=by, reason=reason,
        cancelled_at=at)
    return Decision(state, (*stop, ended, *status_change(job, state)))


def announce(job: Job, state: JobState, at: datetime) -> tuple[EventData, ...]:
    """What the world is told when events from outside moved the job to `state`; nothing when it did not move."""
    return (*status_change(job, state), *_outcome(job, state, at))


def status_change(job: Job, state: JobState) -> tuple[EventData, ...]:
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
