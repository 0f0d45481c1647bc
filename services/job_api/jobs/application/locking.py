"""One job at a time."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.repository import jobs


async def locked(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> Job:
    """The job, locked until the transaction ends. Raises JobNotFound."""
    job = await jobs.lock(tx, workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job
