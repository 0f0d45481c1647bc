"""SQL of jobs, reservations and billing intervals."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.domain.billing import BilledInterval, month_bounds
from services.cost_guard.tables import billing_intervals, jobs


async def add_job(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> None:
    await tx.execute(insert(jobs).values(job_id=job_id, workspace_id=workspace_id).on_conflict_do_nothing())


async def locked_job(tx: AsyncConnection, job_id: UUID) -> Row[Any] | None:
    return (await tx.execute(select(jobs).where(jobs.c.job_id == job_id).with_for_update())).first()


async def job_of(connection: AsyncConnection, job_id: UUID, workspace_id: UUID) -> Row[Any] | None:
    query = select(jobs).where(jobs.c.job_id == job_id, jobs.c.workspace_id == workspace_id)
    return (await connection.execute(query)).first()


async def change_job(tx: AsyncConnection, job_id: UUID, **values: Any) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))


async def open_interval(tx: AsyncConnection, row: dict[str, Any]) -> None:
    """Begin billing a machine. Events come in any order: one that is known to be gone stays gone."""
    statement = insert(billing_intervals).values(row)
    keep_end = func.coalesce(billing_intervals.c.terminated_at, statement.excluded.terminated_at)
    await tx.execute(
        statement.on_conflict_do_update(constraint=billing_intervals.primary_key, set_={"terminated_at": keep_end})
    )


async def intervals_of(connection: AsyncConnection, job_id: UUID) -> list[BilledInterval]:
    query = select(billing_intervals).where(billing_intervals.c.job_id == job_id)
    return [_interval(row) for row in await connection.execute(query)]


async def intervals_in_month(connection: AsyncConnection, workspace_id: UUID, month: str) -> list[BilledInterval]:
    begin, end = month_bounds(month)
    still = or_(billing_intervals.c.terminated_at.is_(None), billing_intervals.c.terminated_at > begin)
    query = select(billing_intervals).where(
        billing_intervals.c.workspace_id == workspace_id, billing_intervals.c.running_since < end, still
    )
    return [_interval(row) for row in await connection.execute(query)]


async def open_reservations(connection: AsyncConnection, workspace_id: UUID) -> Sequence[Any]:
    query = select(jobs.c.job_id, jobs.c.reserved_micro_usd).where(
        jobs.c.workspace_id == workspace_id, jobs.c.ended_at.is_(None), jobs.c.reserved_micro_usd > 0
    )
    return (await connection.execute(query)).all()


async def running_jobs(connection: AsyncConnection) -> list[UUID]:
    """Jobs with a machine that costs money now, and ended ones whose final cost was not said yet."""
    open_now = select(billing_intervals.c.job_id).where(billing_intervals.c.terminated_at.is_(None))
    unsettled = select(jobs.c.job_id).where(jobs.c.ended_at.is_not(None), jobs.c.settled_at.is_(None))
    return list((await connection.execute(open_now.union(unsettled))).scalars())


async def log_errors(connection: AsyncConnection, estimate_key: str, newest: int = 50) -> list[float]:
    query = (
        select(jobs.c.log_error)
        .where(jobs.c.estimate_key == estimate_key, jobs.c.log_error.is_not(None))
        .order_by(jobs.c.settled_at.desc())
        .limit(newest)
    )
    return list((await connection.execute(query)).scalars())


def _interval(row: Row[Any]) -> BilledInterval:
    return BilledInterval(row.rate_micro_usd_per_hour, row.running_since, row.terminated_at)
