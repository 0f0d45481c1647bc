"""A deleted job is not seen any more; its rows go later."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics_ingest.adapters.repository.jobs import put_tombstone


async def delete_job(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> None:
    """In the caller's transaction; the cleaner removes the rows. Repeatable."""
    await put_tombstone(tx, job_id, workspace_id)
