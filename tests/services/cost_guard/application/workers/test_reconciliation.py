"""Bills against the provider's list: what events left out, or left open, is made good."""

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete

from contracts.events import CostUpdated
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import JOB_COST, JobCostQuery
from contracts.rpc.pods import Machine
from services.cost_guard.adapters.tables import gpu_rates
from services.cost_guard.application.workers.reconciliation import BillingReconciliation
from tests.services.cost_guard.examples import NOON, SPOT_RATE, Job, hours

KINDS = ("opened", "closed", "corrected", "unlisted")


class ListedMachines:
    """A provisioner that answers with what the test put on its list, two at a time."""

    def __init__(self, *machines: Machine) -> None:
        self.machines, self.asked = list(machines), []

    async def existing_since(self, moment):
        self.asked.append(moment)
        found = [one for one in self.machines if one.terminated_at is None or one.terminated_at >= moment]
        for begin in range(0, len(found), 2):
            yield tuple(found[begin : begin + 2])


def listed(job: Job, since=None, until=None, attempt: int = 1) -> Machine:
    return Machine(
        **job.ids,
        attempt=attempt,
        provider="fake",
        gpu_type=GpuType.H100_PCIE_80GB,
        pricing_tier=PricingTier.SPOT,
        running_since=since,
        terminated_at=until,
    )


def worker(guard, *machines: Machine) -> BillingReconciliation:
    return BillingReconciliation(guard.database, ListedMachines(*machines), guard.settings, guard.clock)


async def reconcile(guard, *machines: Machine) -> dict[str, int]:
    """Twice: the second time there is nothing left to correct."""
    before, one = counted(), worker(guard, *machines)
    await one.reconcile()
    corrected = {kind: int(counted()[kind] - before[kind]) for kind in KINDS}
    await one.reconcile()
    assert {kind: int(counted()[kind] - before[kind]) for kind in KINDS} == corrected
    return {kind: number for kind, number in corrected.items() if number}


def counted() -> dict[str, float]:
    name = "brightrun_billing_corrections_total"
    return {kind: REGISTRY.get_sample_value(name, {"kind": kind}) or 0.0 for kind in KINDS}


async def cost(guard, job) -> tuple[int, bool]:
    found = await guard.request(JOB_COST, JobCostQuery(**job.ids))
    return found.cost_micro_usd, found.running


async def final_costs(guard, job) -> list[int]:
    return [event.cost_micro_usd for event in await guard.published(CostUpdated, job.job_id) if event.final]


async def test_a_machine_whose_end_was_lost_is_closed_at_the_providers_time(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    clock.advance(50 * 3600)
    assert await reconcile(in_process, listed(job, NOON, NOON + hours(2))) == {"closed": 1}
    assert await cost(in_process, job) == (2 * SPOT_RATE, False)


async def test_a_machine_never_heard_of_is_billed(in_process, job, clock) -> None:
    clock.advance(3600)
    gone, runs = listed(job, NOON - hours(5), NOON - hours(3)), listed(job, NOON, attempt=2)
    assert await reconcile(in_process, gone, runs) == {"opened": 2}
    assert await cost(in_process, job) == (3 * SPOT_RATE, True)


async def test_times_are_corrected_to_the_providers(in_process, job) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    assert await reconcile(in_process, listed(job, NOON - hours(1), NOON + hours(2))) == {"corrected": 1}
    assert await cost(in_process, job) == (3 * SPOT_RATE, False)


async def test_what_agrees_is_left_alone(in_process, job, clock) -> None:
    other = Job()
    await in_process.deliver(job.running(NOON))
    await in_process.deliver(other.terminated(NOON, NOON + hours(1)))
    never_ran = listed(Job(), None, NOON)
    machines = listed(job, NOON), listed(other, NOON, NOON + hours(1)), never_ran
    before = len(await in_process.published(CostUpdated))
    assert await reconcile(in_process, *machines) == {}
    assert len(await in_process.published(CostUpdated)) == before


async def test_a_list_that_is_older_than_an_event_opens_nothing_again(in_process, job) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    assert await reconcile(in_process, listed(job, NOON)) == {}
    assert await cost(in_process, job) == (SPOT_RATE, False)


async def test_a_settled_job_that_is_corrected_publishes_its_final_cost_again(in_process, job) -> None:
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    await in_process.deliver(job.completed(NOON + hours(1)))
    await reconcile(in_process, listed(job, NOON, NOON + hours(1)), listed(job, NOON, NOON + hours(3), attempt=2))
    assert await final_costs(in_process, job) == [SPOT_RATE, 4 * SPOT_RATE]


async def test_the_bill_of_an_ended_job_is_closed_when_the_provisioner_knows_no_such_machine(
    in_process, job, clock
) -> None:
    await in_process.deliver(job.running(NOON))
    clock.advance(4 * 3600)
    await in_process.deliver(job.failed(clock.now()))
    clock.advance(50 * 3600)
    assert await reconcile(in_process) == {"unlisted": 1}
    assert await cost(in_process, job) == (4 * SPOT_RATE, False)
    assert await final_costs(in_process, job) == [4 * SPOT_RATE]


async def test_the_bill_of_a_job_that_goes_on_stays_open_though_its_machine_is_not_listed(
    in_process, job, clock
) -> None:
    """An empty list may be the provisioner's mistake; a machine that runs unbilled would be ours."""
    await in_process.deliver(job.running(NOON))
    clock.advance(3600)
    assert await reconcile(in_process) == {}
    assert await cost(in_process, job) == (SPOT_RATE, True)


async def test_the_list_reaches_back_to_the_oldest_open_bill(in_process, job, clock) -> None:
    await in_process.deliver(job.running(NOON))
    clock.advance(90 * 24 * 3600)
    one = worker(in_process, listed(job, NOON))
    await one.reconcile()
    one.machines.machines = [listed(job, NOON, NOON + hours(2))]
    await one.reconcile()
    assert NOON - one.machines.asked[-1] == hours(24)
    assert await cost(in_process, job) == (2 * SPOT_RATE, False)


async def test_a_machine_that_cannot_be_billed_stops_no_other(in_process, clock) -> None:
    unknown, billed = Job(), Job()
    async with in_process.database.transaction() as tx:
        await tx.execute(delete(gpu_rates).where(gpu_rates.c.gpu_type == "local"))
    without_rate = listed(unknown, NOON, NOON + hours(1)).model_copy(update={"gpu_type": GpuType.LOCAL})
    assert await reconcile(in_process, without_rate, listed(billed, NOON, NOON + hours(1))) == {"opened": 1}
    assert await cost(in_process, billed) == (SPOT_RATE, False)


async def test_it_runs_once_an_hour_whatever_the_number_of_replicas_and_restarts(in_process, job) -> None:
    first, second = worker(in_process), worker(in_process)
    await first.run()
    await second.run()
    await worker(in_process).run()
    assert len(first.machines.asked + second.machines.asked) == 1
    async with in_process.database.transaction() as tx:  # an hour passes for the database
        await tx.exec_driver_sql("UPDATE billing_reconciliations SET finished_at = finished_at - interval '61 minutes'")
    await second.run()  # the first still holds the lease
    await first.run()
    assert len(first.machines.asked + second.machines.asked) == 2


async def test_a_run_that_failed_is_made_again(in_process) -> None:
    class Unreachable:
        async def existing_since(self, moment):
            raise ConnectionError("no answer")
            yield

    broken = BillingReconciliation(in_process.database, Unreachable(), in_process.settings, in_process.clock)
    with pytest.raises(ConnectionError):
        await broken.run()
    broken.machines = ListedMachines()
    await broken.run()
    assert len(broken.machines.asked) == 1


async def test_the_list_reaches_back_to_the_comparison_before(in_process, job, clock) -> None:
    """However long the provisioner did not answer, a machine that nobody spoke of meanwhile is billed."""
    await reconcile(in_process)
    unheard = listed(job, NOON + hours(1), NOON + hours(3))
    clock.advance(40 * 24 * 3600)
    assert await reconcile(in_process, unheard) == {"opened": 1}


async def test_the_first_comparison_asks_for_everything(in_process, job, clock) -> None:
    assert await reconcile(in_process, listed(job, NOON - hours(9000), NOON - hours(8999))) == {"opened": 1}
    assert await cost(in_process, job) == (SPOT_RATE, False)
