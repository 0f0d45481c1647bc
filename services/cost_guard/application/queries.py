"""Answers for job_api."""

from datetime import datetime
from uuid import UUID

from chassis.database.engine import Database
from contracts.rpc.costs import BudgetView, Estimate, EstimateRequest, JobCost, JobCostQuery, Rates
from services.cost_guard.adapters.repository import budgets, intervals, jobs, rates
from services.cost_guard.application.pricing import budget_view, estimate_of, quote
from services.cost_guard.domain.billing import billed_seconds, total_cost
from services.cost_guard.settings import Settings


async def estimate(database: Database, request: EstimateRequest, settings: Settings, now: datetime) -> Estimate:
    """Raises RateUnknown."""
    limit = settings.default_budget_micro_usd
    async with database.read() as connection:
        quoted = await quote(connection, request, now)
        return estimate_of(quoted, await budgets.state(connection, request.workspace_id, now, default_limit=limit))


async def job_cost(database: Database, query: JobCostQuery, now: datetime) -> JobCost:
    """Zero for a job that never ran, also for one of another workspace."""
    async with database.read() as connection:
        job = await jobs.find(connection, query.job_id, query.workspace_id)
        billed = [] if job is None else await intervals.of_job(connection, query.job_id)
    running = [interval for interval in billed if interval.until is None]
    return JobCost(
        cost_micro_usd=total_cost(billed, now),
        billed_seconds=billed_seconds(billed, now),
        estimate_micro_usd=None if job is None else job.estimate_micro_usd,
        running=bool(running),
        as_of=now,
        rate_micro_usd_per_hour=sum(interval.rate_micro_usd_per_hour for interval in running) or None,
    )


async def budget(database: Database, workspace_id: UUID, settings: Settings, now: datetime) -> BudgetView:
    limit = settings.default_budget_micro_usd
    async with database.read() as connection:
        return budget_view(await budgets.state(connection, workspace_id, now, default_limit=limit))


async def current_rates(database: Database, now: datetime) -> Rates:
    async with database.read() as connection:
        return Rates(rates=tuple((await rates.valid_at(connection, now)).values()))
