"""An event from another service or from a trainer changes the job it is about."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.retry import Permanent
from contracts.envelope import Event, EventData
from contracts.events import CostUpdated, PodRunning, TrainingCompleted, ValidationUpdated
from contracts.job_projection import JobState, project
from contracts.job_status import JobStatus
from services.job_api.domain.job import Job, announce
from services.job_api.repository import artifacts, costs, events, jobs
from services.job_api.repository.job_rows import state_columns
from services.job_api.usecases.history import say


async def record_event(event: Event[Any], tx: AsyncConnection) -> None:
    """Log it, project it, say what follows. The job stays locked until the commit, so events of one job never mix.

    Raises Permanent for a job that does not exist (a deleted one included) or is of another workspace.
    """
    data = event.data
    job = await jobs.lock(tx, data.workspace_id, data.job_id)
    if job is None:
        raise Permanent(f"{event.type} is about job {data.job_id}, which workspace {data.workspace_id} does not have")
    if not await events.append(tx, event, job.event_seq + 1):
        return
    state = project(job.state, data, event.time)
    last_seq = await say(tx, job.id, job.event_seq + 1, announce(job, state, event.time))
    await jobs.save(tx, job.id, _columns(job, state, event.time) | _machine(data, job) | {"event_seq": last_seq})
    await _record_facts(tx, data, completed=_just_completed(job, state))


def _columns(job: Job, state: JobState, at: datetime) -> dict[str, Any]:
    columns = state_columns(state)
    if state.started_at is not None and state.status is not JobStatus.PENDING:
        until = state.completed_at or at
        columns["duration_s"] = max(0, round((until - state.started_at).total_seconds()))
        if job.state.completed_at is not None:
            del columns["duration_s"]  # it ended before: what comes later does not prolong it
    return columns


def _machine(data: EventData, job: Job) -> dict[str, Any]:
    """The newest attempt's machine."""
    if not isinstance(data, PodRunning) or data.attempt < job.state.attempt:
        return {}
    return {"provider": data.provider, "runpod_job_id": data.pod_name, "runpod_instance_id": data.provider_pod_id}


def _just_completed(job: Job, state: JobState) -> bool:
    return state.status is JobStatus.COMPLETED and job.state.status is not JobStatus.COMPLETED


async def _record_facts(tx: AsyncConnection, data: EventData, *, completed: bool) -> None:
    """What is true whatever the job's status: the delivery of the run that counts, money, verdicts."""
    if isinstance(data, TrainingCompleted) and completed:
        await artifacts.record(tx, data)
    elif isinstance(data, CostUpdated):
        await costs.record(tx, data)
    elif isinstance(data, ValidationUpdated):
        await artifacts.record_validation(tx, data)
