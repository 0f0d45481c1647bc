"""Handlers over FastStream's in-memory broker: inbox, handler and database, no NATS."""

from pathlib import Path
from uuid import UUID

import pytest

from chassis.problems import ProblemError
from contracts.events import CostUpdated
from contracts.identifiers import uuid7
from contracts.registry import parse_event
from contracts.rpc import costs
from contracts.streams import consumers_of
from tests.services.cost_guard.examples import NOON, estimate_request, hours

EXAMPLES = Path("contracts/examples")
SUBSCRIBED = [event.subject_prefix() for spec in consumers_of("cost_guard") for event in spec.events]


@pytest.mark.parametrize("event", SUBSCRIBED)
async def test_every_event_of_the_durables_leaves_the_job_known(in_process, event: str) -> None:
    example = await in_process.deliver(parse_event((EXAMPLES / f"{event}.json").read_bytes()))
    async with in_process.database.read() as connection:
        jobs = await connection.exec_driver_sql("SELECT job_id, workspace_id FROM jobs")
        assert [tuple(row) for row in jobs] == [(example.data.job_id, example.data.workspace_id)]


async def test_an_event_that_comes_twice_has_one_effect(in_process, job) -> None:
    event = await in_process.deliver(job.running(NOON))
    await in_process.deliver(event)
    assert len(await in_process.published(CostUpdated)) == 1


async def test_a_handler_that_fails_leaves_nothing_behind(in_process, job) -> None:
    async with in_process.database.transaction() as tx:
        await tx.exec_driver_sql("DELETE FROM gpu_rates")
    with pytest.raises(LookupError, match="no hourly rate"):
        await in_process.deliver(job.running(NOON))
    async with in_process.database.read() as connection:
        for table in ("inbox", "jobs", "billing_intervals", "outbox"):
            assert (await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one() == 0


async def test_a_machine_is_billed_from_running_to_terminated_whatever_interrupts_it(in_process, job) -> None:
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    cost = await in_process.request(costs.JOB_COST, costs.JobCostQuery(**job.ids))
    assert (cost.cost_micro_usd, cost.running) == (2_490_000, False)


async def test_what_spot_saved_on_some_jobs_of_the_workspace(in_process, job) -> None:
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    asked = {"workspace_id": job.ids["workspace_id"], "job_ids": (job.ids["job_id"], uuid7())}
    found = await in_process.request(costs.SPOT_SAVINGS, costs.SpotSavingsQuery(**asked))
    assert (found.jobs, found.unknown_jobs) == (1, 0)
    assert (found.paid_micro_usd, found.on_demand_micro_usd) == (2_490_000, 7_990_000)
    stranger = costs.SpotSavingsQuery(**asked | {"workspace_id": uuid7()})
    assert await in_process.request(costs.SPOT_SAVINGS, stranger) == costs.SpotSavings()
    async with in_process.database.transaction() as tx:
        await tx.exec_driver_sql("UPDATE billing_intervals SET on_demand_micro_usd_per_hour = NULL")
    unpriced = await in_process.request(costs.SPOT_SAVINGS, costs.SpotSavingsQuery(**asked))
    assert (unpriced.jobs, unpriced.unknown_jobs, unpriced.paid_micro_usd) == (0, 1, 0)


async def test_what_spot_saved_is_the_same_however_jobs_are_told(in_process, job) -> None:
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    workspace, known = job.ids["workspace_id"], job.ids["job_id"]

    async def of_all_but(*others: UUID, workspace_id: UUID = workspace) -> costs.SpotSavings:
        query = costs.WorkspaceSavingsQuery(workspace_id=workspace_id, except_job_ids=others)
        return await in_process.request(costs.WORKSPACE_SAVINGS, query)

    told = await in_process.request(
        costs.SPOT_SAVINGS, costs.SpotSavingsQuery(workspace_id=workspace, job_ids=(known,)))
    assert told.jobs == 1
    assert await of_all_but() == await of_all_but(uuid7()) == told
    assert await of_all_but(known) == await of_all_but(workspace_id=uuid7()) == costs.SpotSavings()


async def test_a_request_with_an_unknown_rate_is_answered_with_the_way_out(in_process) -> None:
    async with in_process.database.transaction() as tx:
        await tx.exec_driver_sql("DELETE FROM gpu_rates")
    with pytest.raises(ProblemError) as caught:
        await in_process.request(costs.ESTIMATE, estimate_request(uuid7()))
    assert (caught.value.code, caught.value.status) == ("gpu_rate_unknown", 422)
    assert "PUT /api/training/rates" in caught.value.suggested_fix


async def test_rates_are_answered(in_process) -> None:
    rates = await in_process.request(costs.RATES, costs.RatesQuery(workspace_id=uuid7()))
    assert len(rates.rates) == 4
