"""An event from another service or from a trainer changes the job it is about."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.retry import Permanent
from contracts.envelope import Event, EventData
from contracts.events import (
    CheckpointExpired,
    CostLimitReached,
    CostUpdated,
    PodFailed,
    PodRunning,
    TrainingCompleted,
    TrainingFailed,
)
from contracts.job_progress import has_caught_up
from contracts.job_projection import JobState, project
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.base_models import without_folder
from services.job_api.jobs.application.counting import count_event, count_move
from services.job_api.jobs.application.history import JobLog
from services.job_api.jobs.application.queue import dispatch, lock_queue, makes_place
from services.job_api.jobs.domain.job import Job, announce, cost_after
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.jobs.domain.snapshots import Keep
from services.job_api.jobs.repository import jobs
from services.job_api.jobs.repository.job_rows import state_columns

# What can end a job. The queue, in which the next one starts then, is locked before the job.
ENDINGS = (TrainingCompleted, TrainingFailed, PodFailed, CostLimitReached)


async def record_event(tx: AsyncConnection, event: Event[Any], limits: QueueLimits) -> bool:
    """Log it, project it, say what follows. The job stays locked until the commit, so events of one job never mix.
    Where it ended, the next one of its workspace's queue starts.

    Returns whether this event completed the job. Raises Permanent for a job that does not exist (a deleted one
    included) or is of another workspace.
    """
    queue = await lock_queue(tx, event.data.workspace_id, limits) if isinstance(event.data, ENDINGS) else None
    job = await jobs.lock(tx, event.data.workspace_id, event.data.job_id)
    if job is None:
        raise Permanent(f"{event.type} is about job {event.data.job_id}, which workspace {event.data.workspace_id} "
                        "does not have")
    event = event.model_copy(update={"data": without_folder(event.data, job.configuration.base_model)})
    state = project(job.state, event.data, event.time)
    log, moved = JobLog(tx, job.id, job.event_seq), state.status is not job.state.status
    if moved:
        await log.append_last_progress()
    kept = await log.take(event, ended=job.state.status in TERMINAL, milestone=has_caught_up(job.state, state))
    if kept is Keep.DROP:
        return False
    if kept is Keep.LOG:
        count_event(tx, event)
    await count_move(tx, job, state, event.time)
    await log.publish(announce(job, state, event.time))
    await jobs.wake_listeners(tx, job.id)
    await jobs.save(tx, job.id, _columns(job, state, event, kept) | {"event_seq": log.last_seq})
    if queue is not None and makes_place(job.state.status, state.status):
        await dispatch(queue)
    return moved and state.status is JobStatus.COMPLETED


def _columns(job: Job, state: JobState, event: Event[Any], kept: Keep) -> dict[str, Any]:
    columns = state_columns(state) | _machine(event.data, job)
    if isinstance(event.data, CheckpointExpired):
        columns |= {"checkpoints_expired": True}
    if isinstance(event.data, CostUpdated):
        columns |= cost_after(job, event.data)
    if kept is Keep.LOG or isinstance(event.data, CostUpdated):  # an indexed column: not with every progress
        columns |= _duration(job, state, event.time)
    return columns


def _duration(job: Job, state: JobState, at: datetime) -> dict[str, int]:
    """Nothing for a job that ended before: what comes later does not prolong it."""
    if state.started_at is None or state.status is JobStatus.PENDING or job.state.completed_at is not None:
        return {}
    until = state.completed_at or at
    return {"duration_s": max(0, round((until - state.started_at).total_seconds()))}


def _machine(data: EventData, job: Job) -> dict[str, Any]:
    """The newest attempt's machine."""
    if not isinstance(data, PodRunning) or data.attempt < job.state.attempt:
        return {}
    return {"provider": data.provider, "runpod_job_id": data.pod_name, "runpod_instance_id": data.provider_pod_id}
