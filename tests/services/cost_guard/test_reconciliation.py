"""The running service asks the provisioner for its machines over NATS."""

import asyncio

import pytest_asyncio

from chassis.messaging.bus import Bus
from chassis.messaging.requests import RequestRouter
from contracts.events import CostUpdated
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import MACHINES, Machine, Machines, MachinesQuery
from services.cost_guard.app import build_runtime
from services.cost_guard.settings import Settings
from tests.fixtures.waiting import tries
from tests.services.cost_guard.examples import NOON, SPOT_RATE, Job, hours


class Provisioner:
    """Answers with a page of one machine at a time."""

    def __init__(self) -> None:
        self.machines: list[Machine] = []
        self.queries: list[MachinesQuery] = []
        self.requests = RequestRouter()
        self.requests.rpc(MACHINES)(self.answer)

    async def answer(self, request: MachinesQuery) -> Machines:
        self.queries.append(request)
        position = int(request.after or 0)
        more = position + 1 < len(self.machines)
        return Machines(
            machines=tuple(self.machines[position : position + 1]), next_after=str(position + 1) if more else None
        )


@pytest_asyncio.fixture
async def provisioner(settings_for, topology):
    provisioner = Provisioner()
    bus = Bus(Settings(**settings_for("provisioner")))
    bus.include(provisioner.requests)
    await bus.start()
    yield provisioner
    await bus.stop()


@pytest_asyncio.fixture
async def eager_guard(fresh_database, settings_for, topology, clock):
    """Reconciles every 0.3 s."""
    database = await fresh_database("services.cost_guard")
    runtime = build_runtime(
        Settings(**settings_for("cost_guard", database_url=database.url, reconcile_interval_s=0.3)), clock=clock
    )
    async with runtime.lifespan():
        yield runtime


def listed(job: Job, since, until, attempt: int = 1) -> Machine:
    return Machine(
        **job.ids,
        attempt=attempt,
        provider="fake",
        gpu_type=GpuType.H100_PCIE_80GB,
        pricing_tier=PricingTier.SPOT,
        running_since=since,
        terminated_at=until,
    )


async def until_final_cost(caller, job: Job, micro_usd: int) -> int:
    """Waits until this is the newest final cost; how many events there were."""
    async for _ in tries():
        events = await caller.published(CostUpdated, job.job_id)
        if events[-1].final and events[-1].cost_micro_usd == micro_usd:
            return len(events)
    raise AssertionError(f"{micro_usd} was not published as the final cost")


async def test_bills_come_to_agree_with_the_provisioner(provisioner, eager_guard, caller_of, job) -> None:
    caller = await caller_of()
    lost_end, unheard = job, Job()
    provisioner.machines = [listed(lost_end, NOON, None)]
    await caller.publish(lost_end.running(NOON))
    await caller.publish(lost_end.completed(NOON + hours(3)))
    await caller.publish(unheard.failed(NOON))
    await until_final_cost(caller, unheard, 0)
    provisioner.machines = [listed(lost_end, NOON, NOON + hours(3)), listed(unheard, NOON - hours(2), NOON)]
    counts = await until_final_cost(caller, lost_end, 3 * SPOT_RATE), await until_final_cost(
        caller, unheard, 2 * SPOT_RATE
    )
    asked = len(provisioner.queries)
    while len(provisioner.queries) < asked + 4:  # further comparisons find nothing to correct
        await asyncio.sleep(0.05)
    assert {query.after for query in provisioner.queries} == {"", "1"}
    assert counts == (
        await until_final_cost(caller, lost_end, 3 * SPOT_RATE),
        await until_final_cost(caller, unheard, 2 * SPOT_RATE),
    )


async def test_without_an_answer_it_is_tried_again(eager_guard, provisioner, caller_of, job) -> None:
    """cost_guard may start before the provisioner does."""
    caller = await caller_of()
    provisioner.machines = [listed(job, NOON - hours(1), NOON)]
    assert (await caller.published(CostUpdated, job.job_id))[0].cost_micro_usd == SPOT_RATE
