"""Reservations that were asked for and whose job is not queued yet."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.tables import reservation_intents


async def intend(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> None:
    statement = insert(reservation_intents).values(job_id=job_id, workspace_id=workspace_id)
    await tx.execute(statement.on_conflict_do_update(index_elements=["job_id"], set_={"asked_at": func.now()}))


async def settle(tx: AsyncConnection, job_id: UUID) -> None:
    await tx.execute(delete(reservation_intents).where(reservation_intents.c.job_id == job_id))


async def stale(tx: AsyncConnection, older_than: timedelta, limit: int = 50) -> Sequence[RowMapping]:
    """Due intents, locked for this transaction; other replicas skip them."""
    statement = select(reservation_intents).where(
        reservation_intents.c.asked_at < func.now() - older_than).limit(limit).with_for_update(skip_locked=True)
    return (await tx.execute(statement)).mappings().all()
