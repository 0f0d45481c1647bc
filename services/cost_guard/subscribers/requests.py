"""Requests of job_api."""

from chassis.messaging.context import WithClock, WithDatabase
from chassis.messaging.requests import RequestRouter
from contracts.rpc import costs
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
    SpotSavings,
    SpotSavingsQuery,
    WorkspaceSavingsQuery,
)
from services.cost_guard.application import queries
from services.cost_guard.application.commands import budgets, reservations
from services.cost_guard.subscribers.context import WithPrices, WithSettings
from services.cost_guard.subscribers.problems import problems

requests = RequestRouter()


@requests.rpc(costs.ESTIMATE)
async def estimate(
    request: EstimateRequest, database: WithDatabase, prices: WithPrices, settings: WithSettings, clock: WithClock
) -> Estimate:
    with problems():
        return await queries.estimate(database, prices, request, settings, clock.now())


@requests.rpc(costs.RESERVE)
async def reserve(
    request: ReserveRequest, database: WithDatabase, prices: WithPrices, settings: WithSettings, clock: WithClock
) -> ReserveReply:
    with problems():
        return await reservations.reserve(database, prices, request, settings, clock.now())


@requests.rpc(costs.RELEASE)
async def release(request: ReleaseRequest, database: WithDatabase) -> Released:
    return Released(released=await reservations.release(database, request))


@requests.rpc(costs.JOB_COST)
async def job_cost(query: JobCostQuery, database: WithDatabase, clock: WithClock) -> JobCost:
    return await queries.job_cost(database, query, clock.now())


@requests.rpc(costs.SPOT_SAVINGS)
async def spot_savings(query: SpotSavingsQuery, database: WithDatabase, clock: WithClock) -> SpotSavings:
    return await queries.spot_savings(database, query, clock.now())


@requests.rpc(costs.WORKSPACE_SAVINGS)
async def workspace_savings(query: WorkspaceSavingsQuery, database: WithDatabase, clock: WithClock) -> SpotSavings:
    return await queries.workspace_savings(database, query, clock.now())


@requests.rpc(costs.BUDGET)
async def budget(query: BudgetQuery, database: WithDatabase, settings: WithSettings, clock: WithClock) -> BudgetView:
    return await queries.budget(database, query.workspace_id, settings, clock.now())


@requests.rpc(costs.SET_BUDGET)
async def set_budget(
    request: SetBudget, database: WithDatabase, settings: WithSettings, clock: WithClock
) -> BudgetView:
    return await budgets.set_budget(database, request, settings, clock.now())


@requests.rpc(costs.RATES)
async def rates(query: RatesQuery, database: WithDatabase, clock: WithClock) -> Rates:
    return await queries.current_rates(database, clock.now())


@requests.rpc(costs.SET_RATE)
async def set_rate(request: SetRate, database: WithDatabase, clock: WithClock) -> GpuRate:
    return await budgets.set_rate(database, request, clock.now())
