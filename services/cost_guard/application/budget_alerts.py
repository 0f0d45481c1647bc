"""What is published about a budget: each threshold and the excess once a month."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import BudgetExceeded, BudgetThreshold
from services.cost_guard.adapters.repository import budgets
from services.cost_guard.domain.budget import BudgetState, crossed_thresholds, is_exceeded
from services.cost_guard.settings import Settings

SOURCE = "/services/cost_guard"


async def publish_alerts(tx: AsyncConnection, workspace_id: UUID, settings: Settings, now: datetime) -> BudgetState:
    """Publish every level that was crossed and not published this month.

    The budget is not locked: a reservation locks budget, then job; the other order here could deadlock with it.
    """
    state = await budgets.state(tx, workspace_id, now, default_limit=settings.default_budget_micro_usd)
    figures = _figures(workspace_id, state, now)
    for level in crossed_thresholds(state, settings.budget_thresholds_percent):
        if await budgets.first_alert(tx, workspace_id, state.month, f"threshold_{level}"):
            crossed = BudgetThreshold.model_validate(figures | {"threshold_percent": level})
            await emit(tx, new_event(crossed, source=SOURCE))
    if is_exceeded(state) and await budgets.first_alert(tx, workspace_id, state.month, "exceeded"):
        await emit(tx, new_event(BudgetExceeded.model_validate(figures), source=SOURCE))
    return state


def _figures(workspace_id: UUID, state: BudgetState, now: datetime) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "month": state.month,
        "limit_micro_usd": state.limit_micro_usd,
        "spent_micro_usd": state.spent_micro_usd,
        "reserved_micro_usd": state.reserved_micro_usd,
        "as_of": now,
    }
