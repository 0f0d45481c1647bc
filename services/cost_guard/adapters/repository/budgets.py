"""SQL of budgets: the limit, its lock, the state of a month, and which alerts were published."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Uuid, and_, bindparam, func, or_, select, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.repository.cost_expression import cost
from services.cost_guard.adapters.tables import alerts, billing_intervals, budgets, jobs
from services.cost_guard.domain.billing import month_bounds, month_of
from services.cost_guard.domain.budget import BudgetState


async def lock(tx: AsyncConnection, workspace_id: UUID, default_limit: int) -> None:
    """Whoever decides about money of this workspace waits here."""
    await tx.execute(
        insert(budgets).values(workspace_id=workspace_id, limit_micro_usd=default_limit).on_conflict_do_nothing()
    )
    await tx.execute(select(true()).where(budgets.c.workspace_id == workspace_id).with_for_update(of=budgets))


async def set_limit(tx: AsyncConnection, workspace_id: UUID, limit: int, changed_by: str, now: datetime) -> None:
    values = {"limit_micro_usd": limit, "changed_by": changed_by, "changed_at": now}
    statement = insert(budgets).values(workspace_id=workspace_id, **values)
    await tx.execute(statement.on_conflict_do_update(constraint=budgets.primary_key, set_=values))


async def state(
    connection: AsyncConnection, workspace_id: UUID, now: datetime, *, default_limit: int, without: UUID | None = None
) -> BudgetState:
    """One statement, however many jobs there are. `without`: a job whose own reservation does not count."""
    month = month_of(now)
    begin, end = month_bounds(month)
    values = {"workspace_id": workspace_id, "now": now, "begin": begin, "end": end, "without": without}
    row = (await connection.execute(_STATE, values | {"default_limit": default_limit})).one()
    return BudgetState(month, int(row.limit), int(row.spent), int(row.reserved))


async def every_state(connection: AsyncConnection, now: datetime) -> list[BudgetState]:
    """Of each workspace that has been metered or was given a budget."""
    month = month_of(now)
    begin, end = month_bounds(month)
    rows = await connection.execute(_EVERY_STATE, {"now": now, "begin": begin, "end": end, "without": None})
    return [BudgetState(month, int(row.limit), int(row.spent), int(row.reserved)) for row in rows]


async def first_alert(tx: AsyncConnection, workspace_id: UUID, month: str, kind: str) -> bool:
    """True once for each kind in a month."""
    row = insert(alerts).values(workspace_id=workspace_id, month=month, kind=kind).on_conflict_do_nothing()
    return (await tx.execute(row)).rowcount == 1


def _sum(amount: Any) -> Any:
    return select(sql_cast(func.coalesce(func.sum(amount), 0), BigInteger))


def _state() -> Any:
    """Built once: putting it together takes longer than PostgreSQL does."""
    workspace_id = bindparam("workspace_id", type_=Uuid)
    spent, reserved = _spent_and_reserved(workspace_id)
    limit = select(budgets.c.limit_micro_usd).where(budgets.c.workspace_id == workspace_id)
    return select(
        func.coalesce(limit.scalar_subquery(), bindparam("default_limit", type_=BigInteger)).label("limit"),
        spent.scalar_subquery().label("spent"),
        reserved.scalar_subquery().label("reserved"),
    )


def _every_state() -> Any:
    spent, reserved = _spent_and_reserved(budgets.c.workspace_id)
    return select(
        budgets.c.limit_micro_usd.label("limit"), spent.correlate(budgets).scalar_subquery().label("spent"),
        reserved.correlate(budgets).scalar_subquery().label("reserved"),
    )


def _spent_and_reserved(workspace_id: Any) -> tuple[Any, Any]:
    """Of the workspace that the expression names."""
    time = DateTime(timezone=True)
    without = bindparam("without", type_=Uuid)
    begin, end = bindparam("begin", type_=time), bindparam("end", type_=time)
    bill = billing_intervals.c
    until = func.coalesce(bill.terminated_at, bindparam("now", type_=time))
    in_month = and_(bill.running_since < end, or_(bill.terminated_at.is_(None), bill.terminated_at > begin))
    spent = _sum(cost(func.greatest(bill.running_since, begin), func.least(until, end))).where(
        bill.workspace_id == workspace_id, in_month
    )
    spent_by_job = _sum(cost(bill.running_since, until)).where(bill.job_id == jobs.c.job_id).correlate(jobs)
    held = and_(jobs.c.workspace_id == workspace_id, jobs.c.ended_at.is_(None), jobs.c.reserved_micro_usd > 0)
    left = func.greatest(0, jobs.c.reserved_micro_usd - spent_by_job.scalar_subquery())
    return spent, _sum(left).where(held, jobs.c.job_id.is_distinct_from(without))


_STATE, _EVERY_STATE = _state(), _every_state()
