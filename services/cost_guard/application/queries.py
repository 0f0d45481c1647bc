"""Answers for job_api."""

from datetime import datetime
from uuid import UUID

from chassis.database.engine import Database
from contracts.rpc.costs import (
    BudgetView,
    Estimate,
    EstimateRequest,
    JobCost,
    JobCostQuery,
    MachineCost,
    Rates,
    SpotSavings,
    SpotSavingsQuery,
    WorkspaceSavingsQuery,
)
from services.cost_guard.adapters.repository import budgets, intervals, jobs, rates, savings
from services.cost_guard.adapters.repository.intervals import BilledMachine
from services.cost_guard.application.pricing import budget_view, estimate_of, experience, quote
from services.cost_guard.domain.billing import billed_seconds, cost_of, total_cost
from services.cost_guard.ports import PriceList
from services.cost_guard.settings import Settings


async def estimate(
    database: Database, prices: PriceList, request: EstimateRequest, settings: Settings, now: datetime
) -> Estimate:
    """Raises RateUnknown."""
    limit = settings.default_budget_micro_usd
    offered = await prices.prices(request.gpu_type)
    learnt = await experience(database, request)
    async with database.read() as connection:
        quoted = await quote(connection, request, offered, learnt, now)
        return estimate_of(quoted, await budgets.state(connection, request.workspace_id, now, default_limit=limit))


async def job_cost(database: Database, query: JobCostQuery, now: datetime) -> JobCost:
    """Zero for a job that never ran, also for one of another workspace."""
    async with database.read() as connection:
        job = await jobs.find(connection, query.job_id, query.workspace_id)
        machines = [] if job is None else await intervals.machines_of_job(connection, query.job_id)
    billed = [machine.interval for machine in machines]
    running = [interval for interval in billed if interval.until is None]
    return JobCost(
        cost_micro_usd=total_cost(billed, now),
        billed_seconds=billed_seconds(billed, now),
        estimate_micro_usd=None if job is None else job.estimate_micro_usd,
        running=bool(running),
        as_of=now,
        rate_micro_usd_per_hour=sum(interval.rate_micro_usd_per_hour for interval in running) or None,
        machines=tuple(_machine_cost(machine, now) for machine in machines),
    )


def _machine_cost(machine: BilledMachine, now: datetime) -> MachineCost:
    bill = machine.interval
    return MachineCost(
        attempt=machine.attempt,
        pricing_tier=machine.pricing_tier,
        gpu_model=bill.gpu_model,
        rate_micro_usd_per_hour=bill.rate_micro_usd_per_hour,
        rate_source=bill.rate_source,
        on_demand_micro_usd_per_hour=bill.on_demand_micro_usd_per_hour,
        since=bill.since,
        until=bill.until,
        cost_micro_usd=cost_of(bill, now),
    )


async def spot_savings(database: Database, query: SpotSavingsQuery, now: datetime) -> SpotSavings:
    async with database.read() as connection:
        return await savings.of_jobs(connection, query.workspace_id, query.job_ids, now)


async def workspace_savings(database: Database, query: WorkspaceSavingsQuery, now: datetime) -> SpotSavings:
    async with database.read() as connection:
        return await savings.of_all_but(connection, query.workspace_id, query.except_job_ids, now)


async def budget(database: Database, workspace_id: UUID, settings: Settings, now: datetime) -> BudgetView:
    limit = settings.default_budget_micro_usd
    async with database.read() as connection:
        return budget_view(await budgets.state(connection, workspace_id, now, default_limit=limit))


async def current_rates(database: Database, now: datetime) -> Rates:
    async with database.read() as connection:
        return Rates(rates=tuple((await rates.valid_at(connection, now)).values()))
