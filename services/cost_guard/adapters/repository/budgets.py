"""SQL of budgets: the limit, its lock, the state of a month, and which alerts were published."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, DateTime, Numeric, and_, func, literal, or_, select, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.tables import alerts, billing_intervals, budgets, jobs
from services.cost_guard.domain.billing import MICROSECONDS_PER_HOUR, month_bounds, month_of
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
    limit = select(budgets.c.limit_micro_usd).where(budgets.c.workspace_id == workspace_id).scalar_subquery()
    query = select(
        func.coalesce(limit, default_limit).label("limit"),
        _spent(workspace_id, *month_bounds(month), now).label("spent"),
        _reserved(workspace_id, now, without).label("reserved"),
    )
    row = (await connection.execute(query)).one()
    return BudgetState(month, int(row.limit), int(row.spent), int(row.reserved))


async def first_alert(tx: AsyncConnection, workspace_id: UUID, month: str, kind: str) -> bool:
    """True once for each kind in a month."""
    row = insert(alerts).values(workspace_id=workspace_id, month=month, kind=kind).on_conflict_do_nothing()
    return (await tx.execute(row)).rowcount == 1


def _spent(workspace_id: UUID, begin: datetime, end: datetime, now: datetime) -> ColumnElement[int]:
    """What the workspace's machines cost in [begin, end)."""
    since = func.greatest(billing_intervals.c.running_since, _time(begin))
    until = func.least(_until(now), _time(end))
    in_month = and_(
        billing_intervals.c.workspace_id == workspace_id,
        billing_intervals.c.running_since < end,
        or_(billing_intervals.c.terminated_at.is_(None), billing_intervals.c.terminated_at > begin),
    )
    return _sum(_cost(since, until)).where(in_month).scalar_subquery()


def _reserved(workspace_id: UUID, now: datetime, without: UUID | None) -> ColumnElement[int]:
    """What jobs may still spend of what they hold."""
    spent = _sum(_cost(billing_intervals.c.running_since, _until(now))).where(
        billing_intervals.c.job_id == jobs.c.job_id
    )
    held = and_(jobs.c.workspace_id == workspace_id, jobs.c.ended_at.is_(None), jobs.c.reserved_micro_usd > 0)
    others = true() if without is None else jobs.c.job_id != without
    left = func.greatest(0, jobs.c.reserved_micro_usd - spent.correlate(jobs).scalar_subquery())
    return _sum(left).where(held, others).scalar_subquery()


def _cost(since: Any, until: Any) -> Any:
    """`domain.billing.cost` in SQL: exact, in numerics."""
    microseconds = func.greatest(0, func.extract("epoch", until - since) * 1_000_000)
    micro_usd = microseconds * sql_cast(billing_intervals.c.rate_micro_usd_per_hour, Numeric)
    return func.div(micro_usd + MICROSECONDS_PER_HOUR // 2, MICROSECONDS_PER_HOUR)


def _until(now: datetime) -> Any:
    return func.coalesce(billing_intervals.c.terminated_at, _time(now))


def _time(moment: datetime) -> Any:
    return literal(moment, DateTime(timezone=True))


def _sum(amount: Any) -> Any:
    return select(sql_cast(func.coalesce(func.sum(amount), 0), BigInteger))
