"""SQL of money over all workspaces."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.repository.budgets import every_state
from services.cost_guard.adapters.tables import billing_intervals


@dataclass(frozen=True)
class Money:
    """Micro-dollars. `used_ratio`: of the workspace that is nearest to the end of its budget."""

    spent: int
    reserved: int
    limit: int
    used_ratio: float
    over_budget: int
    burn_per_hour: int


async def money(connection: AsyncConnection, now: datetime) -> Money:
    states = await every_state(connection, now)
    rate = cast(func.coalesce(func.sum(billing_intervals.c.rate_micro_usd_per_hour), 0), BigInteger)
    burn = (await connection.execute(select(rate).where(billing_intervals.c.terminated_at.is_(None)))).scalar_one()
    used = [state.spent_micro_usd / state.limit_micro_usd for state in states if state.limit_micro_usd]
    return Money(
        sum(state.spent_micro_usd for state in states), sum(state.reserved_micro_usd for state in states),
        sum(state.limit_micro_usd for state in states), max(used, default=0.0),
        sum(state.spent_micro_usd >= state.limit_micro_usd > 0 for state in states), int(burn))
