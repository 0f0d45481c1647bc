"""Money of all workspaces together, for Prometheus."""

from chassis.clock import Clock
from chassis.database.engine import Database
from contracts.money import MICRO_USD_PER_USD
from services.cost_guard.adapters.repository import figures
from services.cost_guard.application import metrics


async def show_money(database: Database, clock: Clock) -> None:
    """Any number of replicas may show it: it is the same."""
    async with database.read() as connection:
        found = await figures.money(connection, clock.now())
    metrics.SPENT.set(found.spent / MICRO_USD_PER_USD)
    metrics.RESERVED.set(found.reserved / MICRO_USD_PER_USD)
    metrics.BUDGET.set(found.limit / MICRO_USD_PER_USD)
    metrics.BUDGET_USED.set(found.used_ratio)
    metrics.OVER_BUDGET.set(found.over_budget)
    metrics.BURN.set(found.burn_per_hour / MICRO_USD_PER_USD)
