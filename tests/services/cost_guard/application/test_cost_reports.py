"""What is published about the cost of a job: each fact once."""

from contracts.events import CostLimitReached, CostOverrun, CostUpdated
from contracts.rpc.costs import RESERVE, SET_BUDGET, SetBudget
from services.cost_guard.application.workers.meter import CostMeter
from services.cost_guard.settings import Settings
from tests.services.cost_guard.examples import NOON, Job, hours


async def facts(guard, job: Job) -> list[tuple[int, bool, bool]]:
    return [(event.cost_micro_usd, event.running, event.final) for event in await guard.published(CostUpdated)]


async def test_the_meter_publishes_once_a_minute_and_not_every_tick(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    meter = CostMeter(in_process.database, in_process.settings, clock)
    for _ in range(4):
        clock.advance(15)
        await meter.tick()
    assert await facts(in_process, job) == [(0, True, False)]
    await a_minute_passes(in_process)
    await meter.tick()
    assert await facts(in_process, job) == [(0, True, False), (41_500, True, False)]


async def a_minute_passes(guard) -> None:
    """For the database, by whose clock the age of what was published is told."""
    async with guard.database.transaction() as tx:
        await tx.exec_driver_sql("UPDATE jobs SET published_at = published_at - interval '50 seconds'")


def test_the_published_cost_is_never_older_than_a_minute() -> None:
    settings = Settings()
    assert settings.publish_after_s + settings.cost_tick_s <= 60


async def test_the_end_of_a_run_is_published_at_once(in_process, job) -> None:
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    await in_process.deliver(job.completed(NOON + hours(1)))
    assert await facts(in_process, job) == [(0, True, False), (2_490_000, False, False), (2_490_000, False, True)]


async def test_what_changes_nothing_is_not_published_again(in_process, job) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(2)))
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.completed(NOON + hours(2)))
    await in_process.deliver(job.terminated(NOON, NOON + hours(2)))
    assert await facts(in_process, job) == [(4_980_000, False, False), (4_980_000, False, True)]


async def test_a_machine_heard_of_after_the_end_makes_the_final_cost_be_published_again(in_process, job) -> None:
    await in_process.deliver(job.completed(NOON))
    await in_process.deliver(job.terminated(NOON - hours(1), NOON))
    assert await facts(in_process, job) == [(0, False, True), (2_490_000, False, True)]


async def test_nothing_is_published_about_a_deleted_job(in_process, job) -> None:
    """Nobody knows it any more. Its money counts all the same, should a machine turn up."""
    await in_process.deliver(job.deleted())
    await in_process.deliver(job.terminated(NOON - hours(1), NOON))
    assert await in_process.published(CostUpdated) == []
    assert await in_process.published(CostOverrun) == []


async def costly(guard, job: Job, limit_micro_usd: int, clock) -> list[CostLimitReached]:
    """What is said about a job that has run for ten hours, far longer than was reserved for it."""
    reserved = await guard.request(RESERVE, job.reserve())
    await guard.deliver(job.start_requested(reserved.reservation_id))
    await guard.deliver(job.running(NOON))
    budget = SetBudget(workspace_id=job.workspace_id, limit_micro_usd=limit_micro_usd, changed_by="owner")
    await guard.request(SET_BUDGET, budget)
    clock.advance(10 * 3600)
    for _ in range(2):
        await CostMeter(guard.database, guard.settings, clock).tick()
    return await guard.published(CostLimitReached)


async def test_a_job_beyond_its_money_is_stopped_once_where_the_budget_is_used_up(in_process, job, clock) -> None:
    said = await costly(in_process, job, 5_000_000, clock)
    assert [(event.job_id, event.cost_micro_usd, event.budget_micro_usd) for event in said] == [
        (job.job_id, 24_900_000, 5_000_000)]
    assert 0 < said[0].reserved_micro_usd < 24_900_000


async def test_a_job_beyond_its_money_goes_on_while_the_budget_has_room(in_process, job, clock) -> None:
    assert await costly(in_process, job, 500_000_000, clock) == []
