"""The meter: every job that costs money now, whoever of them fails, by one replica at a time."""

import asyncio

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import update

from contracts.events import BudgetThreshold, CostOverrun, CostUpdated
from contracts.identifiers import uuid7
from contracts.rpc.costs import SET_BUDGET, SetBudget
from services.cost_guard.adapters.tables import billing_intervals
from services.cost_guard.application.workers.meter import CostMeter
from tests.services.cost_guard.examples import NOON, Job, hours
from tests.services.cost_guard.statements import statements


def meter(guard, **choice) -> CostMeter:
    settings = guard.settings.model_copy(update={"cost_publish_s": 0.0} | choice)
    return CostMeter(guard.database, settings, guard.clock)


async def unmeterable(guard, job: Job) -> None:
    """A rate whose cost no column holds."""
    async with guard.database.transaction() as tx:
        absurd = {"rate_micro_usd_per_hour": 9 * 10**18}
        await tx.execute(update(billing_intervals).where(billing_intervals.c.job_id == job.job_id).values(absurd))


async def costs_of(guard, job: Job) -> list[int]:
    return [event.cost_micro_usd for event in await guard.published(CostUpdated, job.job_id)]


def failures() -> float:
    return REGISTRY.get_sample_value("brightrun_cost_meter_failures_total") or 0.0


async def test_a_job_that_fails_is_counted_and_the_others_are_metered(in_process, clock) -> None:
    jobs = [Job() for _ in range(5)]
    for job in jobs:
        await in_process.deliver(job.running(NOON))
    await unmeterable(in_process, jobs[0])
    before = failures()
    clock.advance(2 * 3600)
    await meter(in_process).tick()
    assert [await costs_of(in_process, job) for job in jobs] == [[0]] + 4 * [[0, 4_980_000]]
    assert failures() > before


async def test_after_an_outage_it_is_heard_first_which_machines_are_gone(in_process, job, clock) -> None:
    """The power was off for a day, and with it the machine: nobody is alarmed by the cost of that day."""
    await in_process.deliver(job.running(NOON))
    clock.advance(86_400)
    started = meter(in_process)
    await started.run()
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    clock.advance(started.look_s)
    await started.run()
    clock.advance(in_process.settings.cost_tick_s)
    await started.run()
    assert await costs_of(in_process, job) == [0, 2_490_000]
    assert await in_process.published(CostOverrun) == []


async def test_it_meters_a_tick_after_the_start_and_then_every_tick(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    started, tick_s = meter(in_process, cost_tick_s=1800.0), 1800.0
    for _ in range(4):
        await started.run()
        await started.run()
        clock.advance(tick_s / 2)
        await started.run()
        clock.advance(tick_s / 2)
    assert await costs_of(in_process, job) == [0, 1_245_000, 2_490_000, 3_735_000]


async def test_who_takes_over_meters_at_once_when_it_is_time(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    gone, other = meter(in_process, cost_tick_s=0.1), meter(in_process, cost_tick_s=0.1)
    await gone.run()
    await other.run()
    clock.advance(600)
    await asyncio.sleep(0.4)
    await other.run()
    assert await costs_of(in_process, job) == [0, 415_000]


async def test_when_nothing_can_be_metered_the_task_fails(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    await unmeterable(in_process, job)
    clock.advance(2 * 3600)
    with pytest.raises(Exception, match="out of"):
        await meter(in_process).tick()


async def test_of_two_replicas_one_meters(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    first, second = meter(in_process), meter(in_process)
    for _ in range(3):
        clock.advance(600)
        await asyncio.gather(first.tick(), second.tick())
    assert await costs_of(in_process, job) == [0, 415_000, 830_000, 1_245_000]


async def test_another_replica_takes_over_when_the_one_is_gone(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    gone, other = meter(in_process, cost_tick_s=0.1), meter(in_process, cost_tick_s=0.1)
    await gone.tick()
    clock.advance(600)
    await other.tick()
    assert await costs_of(in_process, job) == [0]
    await asyncio.sleep(0.4)
    await other.tick()
    assert await costs_of(in_process, job) == [0, 415_000]


async def test_a_workspace_is_reckoned_once_a_tick_however_many_jobs_it_has(in_process, clock) -> None:
    workspace_id = uuid7()
    jobs = [Job(workspace_id=workspace_id) for _ in range(12)]
    for job in jobs:
        await in_process.deliver(job.running(NOON))
    clock.advance(3600)
    with statements(in_process.database) as asked:
        await meter(in_process).tick()
    assert sum("AS spent" in statement for statement in asked) == 1
    assert not any("FROM budgets" in statement and "FOR UPDATE" in statement for statement in asked)


async def test_alerts_come_with_the_tick(in_process, job, clock) -> None:
    limit = SetBudget(workspace_id=job.workspace_id, limit_micro_usd=10_000_000, changed_by="owner")
    await in_process.request(SET_BUDGET, limit)
    await in_process.deliver(job.running(NOON))
    clock.advance(3.3 * 3600)  # 8.2 of 10 dollars
    for _ in range(2):
        await meter(in_process, cost_publish_s=3600.0).tick()
    assert [one.threshold_percent for one in await in_process.published(BudgetThreshold)] == [80]
