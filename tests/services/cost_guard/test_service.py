"""The running service over real PostgreSQL and NATS."""

import asyncio

import pytest

from chassis.problems import ProblemError
from contracts.events import BudgetExceeded, BudgetThreshold, CostOverrun, CostUpdated
from contracts.gpus import GpuType, PricingTier
from contracts.identifiers import uuid7
from contracts.rpc.costs import (
    BUDGET,
    ESTIMATE,
    RATES,
    RELEASE,
    SET_BUDGET,
    SET_RATE,
    BudgetQuery,
    RatesQuery,
    SetBudget,
    SetRate,
)
from tests.fixtures.waiting import tries
from tests.services.cost_guard.examples import NOON, Job, estimate_request, hours


async def set_budget(caller, workspace_id, micro_usd):
    return await caller.bus.request(
        SET_BUDGET, SetBudget(workspace_id=workspace_id, limit_micro_usd=micro_usd, changed_by="owner")
    )


async def budget_of(caller, workspace_id):
    return await caller.bus.request(BUDGET, BudgetQuery(workspace_id=workspace_id))


async def run(caller, job, since, until=None, attempt=1):
    await caller.publish(job.running(since, attempt))
    if until:
        await caller.publish(job.terminated(since, until, attempt))


async def final_costs(caller, job):
    async for _ in tries():
        final = [item for item in await caller.published(CostUpdated, job.job_id) if item.final]
        if final:
            return [item.cost_micro_usd for item in final]
    raise AssertionError("no final cost was published")


async def test_an_estimate_prices_both_tiers_with_an_interval(caller) -> None:
    reply = await caller.bus.request(ESTIMATE, estimate_request(uuid7()))
    assert reply.cost_micro_usd.low < reply.cost_micro_usd.expected < reply.cost_micro_usd.high
    assert [tier.pricing_tier for tier in reply.tiers] == [PricingTier.SPOT, PricingTier.ON_DEMAND]
    assert reply.tiers[1].cost_micro_usd.expected / reply.tiers[0].cost_micro_usd.expected == pytest.approx(
        7.99 / 2.49, rel=1e-3
    )
    assert reply.budget.limit_micro_usd == 500_000_000
    assert reply.allowed_to_proceed


async def test_fifty_concurrent_starts_with_money_for_one(caller) -> None:
    workspace_id = uuid7()
    one = (await caller.bus.request(ESTIMATE, estimate_request(workspace_id))).cost_micro_usd.high
    await set_budget(caller, workspace_id, one + one // 2)
    replies = await asyncio.gather(*(caller.reserve(Job(workspace_id=workspace_id)) for _ in range(50)))
    assert sum(reply.accepted for reply in replies) == 1
    refused = next(reply for reply in replies if not reply.accepted)
    assert "Raise the budget to at least" in refused.refusal
    assert (await budget_of(caller, workspace_id)).reserved_micro_usd == one


async def test_the_same_job_reserves_once(caller, job) -> None:
    first, second = await caller.reserve(job), await caller.reserve(job)
    assert first.reservation_id == second.reservation_id
    assert (await budget_of(caller, job.workspace_id)).reserved_micro_usd == first.reserved_micro_usd


async def test_a_released_reservation_frees_the_money_but_not_for_a_stranger(caller, job) -> None:
    await caller.reserve(job)
    stranger = Job(job_id=job.job_id)
    assert not (await caller.bus.request(RELEASE, stranger.release())).released
    assert (await caller.bus.request(RELEASE, job.release())).released
    assert (await budget_of(caller, job.workspace_id)).reserved_micro_usd == 0


async def test_the_meter_runs_with_the_clock_and_ends_with_the_machine(caller, job, clock) -> None:
    await run(caller, job, NOON)
    await caller.published(CostUpdated, job.job_id)
    clock.advance(1 * 3600)
    assert (await caller.cost(job)).cost_micro_usd == 2_490_000
    await run(caller, job, NOON, NOON + hours(1))
    await caller.publish(job.completed(clock.now()))
    clock.advance(5 * 3600)
    assert await final_costs(caller, job) == [2_490_000]
    cost = await caller.cost(job)
    assert (cost.cost_micro_usd, cost.running) == (2_490_000, False)


async def test_the_end_of_a_machine_may_be_heard_before_its_beginning(caller, job, clock) -> None:
    await caller.publish(job.terminated(NOON, NOON + hours(2)))
    await caller.published(CostUpdated, job.job_id)
    await caller.publish(job.running(NOON))
    await caller.publish(job.completed(NOON + hours(2)))
    assert await final_costs(caller, job) == [4_980_000]
    clock.advance(9 * 3600)
    cost = await caller.cost(job)
    assert (cost.cost_micro_usd, cost.running) == (4_980_000, False)


async def test_a_job_that_ends_before_its_machine_is_heard_of_is_billed_all_the_same(caller, job, clock) -> None:
    await caller.publish(job.completed(NOON))
    assert (await caller.published(CostUpdated, job.job_id))[0].cost_micro_usd == 0
    await run(caller, job, NOON - hours(1), NOON)
    async for _ in tries():
        if (await caller.published(CostUpdated, job.job_id))[-1].cost_micro_usd == 2_490_000:
            return
    raise AssertionError("the late machine was never billed")


async def test_two_attempts_add_up_and_a_stranger_sees_zero(caller, job) -> None:
    await run(caller, job, NOON - hours(3), NOON - hours(2), attempt=1)
    await run(caller, job, NOON - hours(1), NOON, attempt=2)
    await caller.published(CostUpdated, job.job_id, 4)
    assert (await caller.cost(job)).cost_micro_usd == 4_980_000
    assert (await caller.cost(Job(job_id=job.job_id))).cost_micro_usd == 0


async def test_an_overrun_is_published_once(caller, job, clock) -> None:
    await caller.reserve(job)
    await run(caller, job, NOON)
    await caller.published(CostUpdated, job.job_id)
    clock.advance(20 * 3600)
    overruns = await caller.published(CostOverrun, job.job_id)
    clock.advance(1 * 3600)
    await asyncio.sleep(0.6)
    assert len(await caller.published(CostOverrun, job.job_id)) == 1
    assert overruns[0].variance_percent > 20


async def test_budget_levels_are_published_once_each(caller, job, clock) -> None:
    workspace_id = job.workspace_id
    await set_budget(caller, workspace_id, 10_000_000)
    await run(caller, job, NOON)
    await caller.published(CostUpdated, job.job_id)
    clock.advance(3.3 * 3600)  # 8.2 of 10 dollars
    assert [item.threshold_percent for item in await caller.published(BudgetThreshold, workspace_id)] == [80]
    clock.advance(1 * 3600)
    assert (await caller.published(BudgetExceeded, workspace_id))[0].spent_micro_usd > 10_000_000
    await asyncio.sleep(0.5)
    assert [item.threshold_percent for item in await caller.published(BudgetThreshold, workspace_id)] == [80, 95]
    assert len(await caller.published(BudgetExceeded, workspace_id)) == 1


async def test_rates_are_data_and_an_old_interval_keeps_its_rate(caller, job, clock) -> None:
    await run(caller, job, NOON)
    await caller.published(CostUpdated, job.job_id)
    clock.advance(1 * 3600)
    await caller.bus.request(
        SET_RATE,
        SetRate(
            gpu_type=GpuType.H100_PCIE_80GB,
            pricing_tier=PricingTier.SPOT,
            micro_usd_per_hour=5_000_000,
            changed_by="admin",
        ),
    )
    rates = await caller.bus.request(RATES, RatesQuery(workspace_id=job.workspace_id))
    assert {(r.gpu_type, r.pricing_tier): r.micro_usd_per_hour for r in rates.rates}[
        GpuType.H100_PCIE_80GB, PricingTier.SPOT
    ] == 5_000_000
    assert (await caller.cost(job)).cost_micro_usd == 2_490_000
    estimate = await caller.bus.request(ESTIMATE, estimate_request(job.workspace_id))
    assert estimate.rate_micro_usd_per_hour == 5_000_000


async def test_finished_runs_teach_the_estimate_and_failed_ones_do_not(caller, clock) -> None:
    workspace_id = uuid7()
    for outcome in ("completed", "failed"):
        job = Job(workspace_id=workspace_id)
        await caller.reserve(job)
        await run(caller, job, clock.now(), clock.now() + hours(2))
        clock.advance(2 * 3600)
        await caller.publish(job.completed(clock.now()) if outcome == "completed" else job.failed(clock.now()))
        await final_costs(caller, job)
    assert (await caller.bus.request(ESTIMATE, estimate_request(workspace_id))).based_on_runs == 1


async def test_an_unknown_rate_is_refused_with_a_way_out(guard, caller) -> None:
    async with guard.database.transaction() as tx:
        await tx.exec_driver_sql("DELETE FROM gpu_rates WHERE gpu_type = 'h100_pcie_80gb'")
    with pytest.raises(ProblemError, match="hourly rate") as caught:
        await caller.bus.request(ESTIMATE, estimate_request(uuid7()))
    assert caught.value.code == "gpu_rate_unknown"
