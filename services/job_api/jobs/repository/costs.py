"""The money of a job as cost_guard says it."""

from typing import Any

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import CostUpdated
from services.job_api.jobs.tables import training_jobs


async def record(tx: AsyncConnection, cost: CostUpdated) -> None:
    """A cost only grows, so an older figure that arrives late changes nothing; the final one settles it."""
    jobs = training_jobs.c
    amount: Any = cost.cost_micro_usd if cost.final else func.greatest(jobs.actual_cost_micro_usd, cost.cost_micro_usd)
    statement = update(training_jobs).where(jobs.id == cost.job_id)
    if not cost.final:
        statement = statement.where(jobs.cost_final.is_(False))
    await tx.execute(statement.values(actual_cost_micro_usd=amount, cost_final=cost.final))
