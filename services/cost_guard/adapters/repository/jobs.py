"""SQL of jobs: what is reserved for them, and what was published about them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.tables import billing_intervals, jobs
from services.cost_guard.domain.account import JobAccount, JobOfAnotherWorkspace
from services.cost_guard.domain.report import CostReport, Published

_AGE_S = func.extract("epoch", func.clock_timestamp() - jobs.c.published_at).label("published_age_s")
_ACCOUNT = select(jobs, _AGE_S)


async def lock(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> JobAccount:
    """The job's account until the end of the transaction; a new one for a job never heard of. Raises
    JobOfAnotherWorkspace for one that this transaction does not see."""
    await tx.execute(insert(jobs).values(job_id=job_id, workspace_id=workspace_id).on_conflict_do_nothing())
    row = (await tx.execute(_ACCOUNT.where(jobs.c.job_id == job_id).with_for_update())).one_or_none()
    if row is None:
        raise JobOfAnotherWorkspace(job_id)
    return _account(row)


async def find(connection: AsyncConnection, job_id: UUID, workspace_id: UUID) -> JobAccount | None:
    query = _ACCOUNT.where(jobs.c.job_id == job_id, jobs.c.workspace_id == workspace_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _account(row)


async def change(tx: AsyncConnection, job_id: UUID, **values: Any) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))


async def mark_started(tx: AsyncConnection, job_id: UUID, workspace_id: UUID, at: datetime) -> None:
    """The first word of it counts."""
    statement = insert(jobs).values(job_id=job_id, workspace_id=workspace_id, started_at=at)
    first = func.coalesce(jobs.c.started_at, statement.excluded.started_at)
    await tx.execute(statement.on_conflict_do_update(constraint=jobs.primary_key, set_={"started_at": first}))


async def mark_published(tx: AsyncConnection, job_id: UUID, report: CostReport) -> None:
    await change(
        tx,
        job_id,
        published_at=func.clock_timestamp(),
        published_micro_usd=report.cost_micro_usd,
        published_running=report.running,
        published_final=report.final,
    )


async def metered(connection: AsyncConnection) -> list[tuple[UUID, UUID]]:
    """(job, workspace) of jobs with a machine that costs money now, and of ended ones that are not settled."""
    open_now = select(billing_intervals.c.job_id).where(billing_intervals.c.terminated_at.is_(None))
    unsettled = jobs.c.ended_at.is_not(None) & jobs.c.settled_at.is_(None)
    query = select(jobs.c.job_id, jobs.c.workspace_id).where(unsettled | jobs.c.job_id.in_(open_now))
    return [(row.job_id, row.workspace_id) for row in await connection.execute(query)]


async def throughput_log_errors(connection: AsyncConnection, estimate_key: str, newest: int = 50) -> list[float]:
    query = (
        select(jobs.c.log_error)
        .where(jobs.c.estimate_key == estimate_key, jobs.c.log_error.is_not(None))
        .order_by(jobs.c.settled_at.desc())
        .limit(newest)
    )
    return list((await connection.execute(query)).scalars())


def _account(row: Row[Any]) -> JobAccount:
    return JobAccount(
        job_id=row.job_id,
        workspace_id=row.workspace_id,
        reservation_id=row.reservation_id,
        reserved_micro_usd=row.reserved_micro_usd,
        closed_reservations=tuple(row.closed_reservations),
        estimate=row.estimate,
        estimate_micro_usd=row.estimate_micro_usd,
        physical_s=row.physical_s,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        overrun_published=row.overrun_said,
        limit_published=row.limit_said,
        settled_micro_usd=row.settled_micro_usd,
        published=_published(row),
        next_reservation_id=row.next_reservation_id,
        next_reserved_micro_usd=row.next_reserved_micro_usd,
        kept_micro_usd=row.kept_micro_usd,
        run=row.run,
        paused_run=row.paused_run,
    )


def _published(row: Row[Any]) -> Published | None:
    if row.published_at is None:
        return None
    age_s = float(row.published_age_s)
    return Published(row.published_micro_usd, row.published_running, row.published_final, age_s)
