"""SQL of jobs: what is reserved for them, and what was published about them."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.tables import billing_intervals, jobs


async def add(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> None:
    await tx.execute(insert(jobs).values(job_id=job_id, workspace_id=workspace_id).on_conflict_do_nothing())


async def lock(tx: AsyncConnection, job_id: UUID) -> Row[Any] | None:
    return (await tx.execute(select(jobs).where(jobs.c.job_id == job_id).with_for_update())).first()


async def find(connection: AsyncConnection, job_id: UUID, workspace_id: UUID) -> Row[Any] | None:
    query = select(jobs).where(jobs.c.job_id == job_id, jobs.c.workspace_id == workspace_id)
    return (await connection.execute(query)).first()


async def change(tx: AsyncConnection, job_id: UUID, **values: Any) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))


async def metered(connection: AsyncConnection) -> list[UUID]:
    """Jobs with a machine that costs money now, and ended ones whose final cost was not published yet."""
    open_now = select(billing_intervals.c.job_id).where(billing_intervals.c.terminated_at.is_(None))
    unsettled = select(jobs.c.job_id).where(jobs.c.ended_at.is_not(None), jobs.c.settled_at.is_(None))
    return list((await connection.execute(open_now.union(unsettled))).scalars())


async def throughput_log_errors(connection: AsyncConnection, estimate_key: str, newest: int = 50) -> list[float]:
    query = (
        select(jobs.c.log_error)
        .where(jobs.c.estimate_key == estimate_key, jobs.c.log_error.is_not(None))
        .order_by(jobs.c.settled_at.desc())
        .limit(newest)
    )
    return list((await connection.execute(query)).scalars())
