"""Delete a job that was never started."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import JobDeleted
from contracts.job_status import JobAction
from services.job_api.callers import Caller
from services.job_api.jobs.application.history import SOURCE
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.domain.job import check
from services.job_api.jobs.repository import jobs


async def delete_job(tx: AsyncConnection, caller: Caller, job_id: UUID) -> None:
    """Raises JobNotFound, and MoveRefused for a job that was ever started."""
    job = await locked(tx, caller.workspace_id, job_id)
    check(job, JobAction.DELETE)
    deleted = JobDeleted(job_id=job.id, workspace_id=job.workspace_id, deleted_by=caller.subject)
    await emit(tx, new_event(deleted, source=SOURCE))
    await jobs.remove(tx, job_id)
