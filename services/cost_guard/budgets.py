"""The budget of a workspace: SQL, state, and what must be said about it."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import BudgetExceeded, BudgetThreshold
from services.cost_guard import ledger
from services.cost_guard.domain.billing import month_of, spent_in_month, total_cost
from services.cost_guard.domain.budget import BudgetState, crossed_thresholds, is_exceeded, still_reserved
from services.cost_guard.tables import alerts, budgets

SOURCE = "/services/cost_guard"


async def lock_budget(tx: AsyncConnection, workspace_id: UUID, default_limit: int) -> int:
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


async def budget_state(connection: AsyncConnection, workspace_id: UUID, limit: int, now: datetime) -> BudgetState:
    month = month_of(now)
    spent = spent_in_month(await ledger.intervals_in_month(connection, workspace_id, month), month, now)
    reserved = 0
    for row in await ledger.open_reservations(connection, workspace_id):
        cost = total_cost(await ledger.intervals_of(connection, row.job_id), now)
        reserved += still_reserved(row.reserved_micro_usd, cost)
    return BudgetState(month, limit, spent, reserved)


async def say_alerts(
    tx: AsyncConnection, workspace_id: UUID, state: BudgetState, thresholds: Iterable[int], now: datetime
) -> None:
    """Emit every threshold and the excess that was not said this month."""
    figures = {
        "workspace_id": workspace_id,
        "month": state.month,
        "limit_micro_usd": state.limit_micro_usd,
        "spent_micro_usd": state.spent_micro_usd,
        "reserved_micro_usd": state.reserved_micro_usd,
        "as_of": now,
    }
    for level in crossed_thresholds(state, thresholds):
        if await _first_time(tx, workspace_id, state.month, f"threshold_{level}"):
            crossed = BudgetThreshold.model_validate(figures | {"threshold_percent": level})
            await emit(tx, new_event(crossed, source=SOURCE))
    if is_exceeded(state) and await _first_time(tx, workspace_id, state.month, "exceeded"):
        await emit(tx, new_event(BudgetExceeded.model_validate(figures), source=SOURCE))


async def _first_time(tx: AsyncConnection, workspace_id: UUID, month: str, kind: str) -> bool:
    row = insert(alerts).values(workspace_id=workspace_id, month=month, kind=kind).on_conflict_do_nothing()
    return (await tx.execute(row)).rowcount == 1
