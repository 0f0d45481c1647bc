"""Money rules people set: the budget of a workspace, the rate of a GPU."""

from datetime import datetime

from chassis.database.engine import Database
from contracts.rpc.costs import BudgetView, GpuRate, SetBudget, SetRate
from services.cost_guard.adapters.repository import budgets, rates
from services.cost_guard.application.budget_alerts import publish_alerts
from services.cost_guard.application.pricing import budget_view
from services.cost_guard.settings import Settings


async def set_budget(database: Database, request: SetBudget, settings: Settings, now: datetime) -> BudgetView:
    workspace_id, limit = request.workspace_id, request.limit_micro_usd
    async with database.transaction() as tx:
        await budgets.set_limit(tx, workspace_id, limit, request.changed_by, now)
        return budget_view(await publish_alerts(tx, workspace_id, settings, now))


async def set_rate(database: Database, request: SetRate, now: datetime) -> GpuRate:
    """Valid from now on: a machine that runs already keeps the rate it began with."""
    rate = GpuRate(
        gpu_type=request.gpu_type,
        pricing_tier=request.pricing_tier,
        micro_usd_per_hour=request.micro_usd_per_hour,
        valid_from=now,
    )
    async with database.transaction() as tx:
        await rates.save(tx, rate, request.changed_by)
    return rate
