"""How retries that followed a suggestion went."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.domain.success import Success

_SUCCESS = text("""
    SELECT count(*) AS retries, count(*) FILTER (WHERE status IN ('completed', 'failed')) AS ended,
           count(*) FILTER (WHERE status = 'completed') AS completed
    FROM training_jobs
    WHERE workspace_id = :workspace_id AND retry_suggestion IS NOT NULL AND status <> 'cancelled'
      AND retry_suggestion ->> 'error_code' = :code AND (retry_suggestion ->> 'followed')::boolean
""")


async def success(tx: AsyncConnection, workspace_id: UUID, code: str) -> Success:
    """Of the workspace's retries that followed what is suggested against this error."""
    row = (await tx.execute(_SUCCESS, {"workspace_id": workspace_id, "code": code})).one()
    return Success(row.retries, row.ended, row.completed)
