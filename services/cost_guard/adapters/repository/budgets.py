"""SQL of budgets: the limit, its lock, the state of a month, and which alerts were published."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.repository import intervals
from services.cost_guard.adapters.repository.intervals import interval_of
from services.cost_guard.adapters.tables import alerts, billing_intervals, budgets, jobs
from services.cost_guard.domain.billing import BilledInterval, month_bounds, month_of, spent_in_month, total_cost
from services.cost_guard.domain.budget import BudgetState, still_reserved


async def lock(tx: AsyncConnection, workspace_id: UUID, default_limit: int) -> int:
    """The workspace's limit, its row locked: whoever decides about money of this workspace waits here."""
    await tx.execute(
        insert(budgets).values(workspace_id=workspace_id, limit_micro_usd=default_limit).on_conflict_do_nothing()
    )
    query = select(budgets.c.limit_micro_usd).where(budgets.c.workspace_id == workspace_id).with_for_update()
    return int((await tx.execute(query)).scalar_one())


async def limit_of(connection: AsyncConnection, workspace_id: UUID, default_limit: int) -> int:
    query = select(budgets.c.limit_micro_usd).where(budgets.c.workspace_id == workspace_id)
    limit = (await connection.execute(query)).scalar_one_or_none()
    return default_limit if limit is None else int(limit)


async def set_limit(tx: AsyncConnection, workspace_id: UUID, limit: int, changed_by: str, now: datetime) -> None:
    values = {"limit_micro_usd": limit, "changed_by": changed_by, "changed_at": now}
    statement = insert(budgets).values(workspace_id=workspace_id, **values)
    await tx.execute(statement.on_conflict_do_update(constraint=budgets.primary_key, set_=values))


async def state(
    connection: AsyncConnection, workspace_id: UUID, now: datetime, *, default_limit: int, without: UUID | None = None
) -> BudgetState:
    """`without`: a job whose own reservation does not count."""
    month = month_of(now)
    limit = await limit_of(connection, workspace_id, default_limit)
    spent = spent_in_month(await _intervals_in_month(connection, workspace_id, month), month, now)
    reserved = 0
    for row in await _open_reservations(connection, workspace_id):
        if row.job_id == without:
            continue
        cost = total_cost(await intervals.of_job(connection, row.job_id), now)
        reserved += still_reserved(row.reserved_micro_usd, cost)
    return BudgetState(month, limit, spent, reserved)


async def first_alert(tx: AsyncConnection, workspace_id: UUID, month: str, kind: str) -> bool:
    """True once for each kind in a month."""
    row = insert(alerts).values(workspace_id=workspace_id, month=month, kind=kind).on_conflict_do_nothing()
    return (await tx.execute(row)).rowcount == 1


async def _intervals_in_month(connection: AsyncConnection, workspace_id: UUID, month: str) -> list[BilledInterval]:
    begin, end = month_bounds(month)
    still = or_(billing_intervals.c.terminated_at.is_(None), billing_intervals.c.terminated_at > begin)
    query = select(billing_intervals).where(
        billing_intervals.c.workspace_id == workspace_id, billing_intervals.c.running_since < end, still
    )
    return [interval_of(row) for row in await connection.execute(query)]


async def _open_reservations(connection: AsyncConnection, workspace_id: UUID) -> Sequence[Any]:
    query = select(jobs.c.job_id, jobs.c.reserved_micro_usd).where(
        jobs.c.workspace_id == workspace_id, jobs.c.ended_at.is_(None), jobs.c.reserved_micro_usd > 0
    )
    return (await connection.execute(query)).all()
