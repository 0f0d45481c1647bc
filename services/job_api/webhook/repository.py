"""The job a webhook is about."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.tables import training_jobs
from services.job_api.webhook.domain import Subject


async def subject_of(tx: AsyncConnection, job_id: UUID) -> Subject | None:
    """In whatever workspace it is: who asks has been told apart by the signature."""
    columns = training_jobs.c
    statement = select(columns.workspace_id, columns.attempt, columns.runpod_job_id).where(columns.id == job_id)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        return None
    pod_name = row.runpod_job_id or f"job-{job_id}-a{max(1, row.attempt)}"
    return Subject(job_id, row.workspace_id, row.attempt, pod_name)
