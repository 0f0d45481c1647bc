"""Every text that a job's notes have had."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.tables import job_notes

_notes = job_notes.c


async def add(
    tx: AsyncConnection, workspace_id: UUID, job_id: UUID, revision: int, notes: str, edited_by: str | None
) -> None:
    await tx.execute(insert(job_notes).values(
        workspace_id=workspace_id, job_id=job_id, revision=revision, notes=notes, edited_by=edited_by))


async def newest(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> RowMapping | None:
    found = await page(tx, workspace_id, job_id, limit=1)
    return found[0] if found else None


async def page(
    tx: AsyncConnection, workspace_id: UUID, job_id: UUID, *, limit: int, before: int | None = None
) -> Sequence[RowMapping]:
    """The newest first; `before`: only revisions below this one."""
    statement = select(job_notes).where(_notes.job_id == job_id, _notes.workspace_id == workspace_id)
    if before is not None:
        statement = statement.where(_notes.revision < before)
    return (await tx.execute(statement.order_by(_notes.revision.desc()).limit(limit))).mappings().all()
