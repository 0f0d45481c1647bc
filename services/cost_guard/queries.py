"""Answers for job_api."""

from chassis.clock import Clock
from chassis.database.engine import Database
from contracts.rpc.costs import (
    BudgetQuery,
    BudgetView,
    Estimate,
    EstimateRequest,
    GpuRate,
    JobCost,
    JobCostQuery,
    Rates,
    RatesQuery,
    Released,
    ReleaseRequest,
    ReserveReply,
    ReserveRequest,
    SetBudget,
    SetRate,
)
from services.cost_guard import budgets, ledger
from services.cost_guard.domain.billing import billed_seconds, total_cost
from services.cost_guard.estimates import budget_view, current_state, estimate
from services.cost_guard.rates import rates_at, save_rate
from services.cost_guard.reservations import release, reserve
from services.cost_guard.settings import Settings


class CostQueries:
    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._settings, self._default = settings, settings.default_budget_micro_usd

    async def estimate(self, request: EstimateRequest) -> Estimate:
        now = self._clock.now()
        async with self._database.read() as connection:
            state = await current_state(connection, request, self._default, now)
            return (await estimate(connection, request, state, now)).estimate

    async def reserve(self, request: ReserveRequest) -> ReserveReply:
        async with self._database.transaction() as tx:
            return await reserve(tx, request, self._default, self._clock.now())

    async def release(self, request: ReleaseRequest) -> Released:
        async with self._database.transaction() as tx:
            return Released(released=await release(tx, request))

    async def job_cost(self, query: JobCostQuery) -> JobCost:
        """Zero for a job that never ran, also for one of another workspace."""
        now = self._clock.now()
        async with self._database.read() as connection:
            job = await ledger.job_of(connection, query.job_id, query.workspace_id)
            intervals = [] if job is None else await ledger.intervals_of(connection, query.job_id)
        running = [interval for interval in intervals if interval.until is None]
        return JobCost(
            cost_micro_usd=total_cost(intervals, now),
            billed_seconds=billed_seconds(intervals, now),
            estimate_micro_usd=None if job is None else job.estimate_micro_usd,
            running=bool(running),
            as_of=now,
            rate_micro_usd_per_hour=sum(interval.rate_micro_usd_per_hour for interval in running) or None,
        )

    async def budget(self, query: BudgetQuery) -> BudgetView:
        now = self._clock.now()
        async with self._database.read() as connection:
            limit = await budgets.limit_of(connection, query.workspace_id, self._default)
            return budget_view(await budgets.budget_state(connection, query.workspace_id, limit, now))

    async def set_budget(self, request: SetBudget) -> BudgetView:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await budgets.set_limit(tx, request.workspace_id, request.limit_micro_usd, request.changed_by, now)
            state = await budgets.budget_state(tx, request.workspace_id, request.limit_micro_usd, now)
            await budgets.say_alerts(tx, request.workspace_id, state, self._settings.budget_thresholds_percent, now)
            return budget_view(state)

    async def rates(self, query: RatesQuery) -> Rates:
        async with self._database.read() as connection:
            return Rates(rates=tuple((await rates_at(connection, self._clock.now())).values()))

    async def set_rate(self, request: SetRate) -> GpuRate:
        rate = GpuRate(
            gpu_type=request.gpu_type,
            pricing_tier=request.pricing_tier,
            micro_usd_per_hour=request.micro_usd_per_hour,
            valid_from=self._clock.now(),
        )
        async with self._database.transaction() as tx:
            await save_rate(tx, rate, request.changed_by)
        return rate
