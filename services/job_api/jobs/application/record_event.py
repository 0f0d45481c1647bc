"""An event from another service or from a trainer changes the job it is about."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.retry import Permanent
from contracts.envelope import Event, EventData
from contracts.events import PodRunning
from contracts.job_projection import JobState, project
from contracts.job_status import JobStatus
from services.job_api.base_models import without_folder
from services.job_api.jobs.application.history import publish_events
from services.job_api.jobs.domain.job import Job, announce
from services.job_api.jobs.repository import events, jobs
from services.job_api.jobs.repository.job_rows import state_columns


async def record_event(tx: AsyncConnection, event: Event[Any]) -> bool:
    """Log it, project it, publish what follows. The job stays locked until the commit, so events of one job never mix.

    Returns whether this event completed the job. Raises Permanent for a job that does not exist (a deleted one
    included) or is of another workspace.
    """
    data = event.data
    job = await jobs.lock(tx, data.workspace_id, data.job_id)
    if job is None:
        raise Permanent(f"{event.type} is about job {data.job_id}, which workspace {data.workspace_id} does not have")
    data = without_folder(data, job.configuration.base_model)
    if not await events.append(tx, event.model_copy(update={"data": data}), job.event_seq + 1):
        return False
    state = project(job.state, data, event.time)
    last_seq = await publish_events(tx, job.id, job.event_seq + 1, announce(job, state, event.time))
    await jobs.wake_listeners(tx, job.id)
    await jobs.save(tx, job.id, _columns(job, state, event.time) | _machine(data, job) | {"event_seq": last_seq})
    return state.status is JobStatus.COMPLETED and job.state.status is not JobStatus.COMPLETED


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
