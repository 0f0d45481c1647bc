"""A running cost_guard over real PostgreSQL and NATS, and one without servers but PostgreSQL."""

from typing import Any
from uuid import UUID

import pytest_asyncio

from chassis.clock import FakeClock
from chassis.messaging.bus import Bus
from contracts.envelope import EventData, new_event
from contracts.registry import parse_event
from contracts.rpc.costs import JOB_COST, RESERVE, JobCost, JobCostQuery, ReserveReply
from contracts.rpc.pods import Machine
from services.cost_guard.app import build_runtime
from services.cost_guard.application.workers.reconciliation import BillingReconciliation
from services.cost_guard.settings import Settings
from tests.fixtures.waiting import tries
from tests.money.world import FixedList
from tests.services.cost_guard.examples import NOON, Job
from tests.services.cost_guard.in_process import guard_in_process


class Caller:
    """Asks a running cost_guard as job_api does, and publishes what others publish."""

    def __init__(self, bus: Bus, jetstream: Any, clock: FakeClock) -> None:
        self.bus, self.jetstream, self.clock = bus, jetstream, clock

    async def reserve(self, job: Job, **choice: Any) -> ReserveReply:
        return await self.bus.request(RESERVE, job.reserve(**choice), timeout_s=20)

    async def publish(self, data: EventData) -> None:
        event = new_event(data, source="/test", time=self.clock.now())
        await self.jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})

    async def cost(self, job: Job) -> JobCost:
        return await self.bus.request(JOB_COST, JobCostQuery(**job.ids))

    async def published(self, kind: type[EventData], job_or_workspace: UUID, count: int = 1) -> list[Any]:
        """At least `count` events of this kind about this job or workspace; waits for them."""
        async for _ in tries():
            found = [
                event.data
                for event in await self._all()
                if isinstance(event.data, kind) and event.subject.endswith(str(job_or_workspace))
            ]
            if len(found) >= count:
                return found
        raise AssertionError(f"{kind.__name__} was not published")

    async def _all(self) -> list[Any]:
        last = (await self.jetstream.stream_info("COSTS")).state.last_seq
        return [parse_event((await self.jetstream.get_msg("COSTS", n)).data) for n in range(1, last + 1)]


@pytest_asyncio.fixture
async def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest_asyncio.fixture
async def guard(fresh_database, settings_for, topology, clock):
    database = await fresh_database("services.cost_guard")
    settings = Settings(**settings_for("cost_guard", database_url=database.url, cost_tick_s=0.2, cost_publish_s=0.2))
    runtime = build_runtime(settings, clock=clock)
    async with runtime.lifespan():
        yield runtime


@pytest_asyncio.fixture
async def caller_of(settings_for, jetstream, clock):
    """`await caller_of()`: somebody who speaks to whatever cost_guard runs."""
    buses = []

    async def make() -> Caller:
        bus = Bus(Settings(**settings_for("job_api")))
        await bus.start()
        buses.append(bus)
        return Caller(bus, jetstream, clock)

    yield make
    for bus in buses:
        await bus.stop()


@pytest_asyncio.fixture
async def caller(guard, caller_of):
    return await caller_of()


@pytest_asyncio.fixture
async def job() -> Job:
    return Job()


@pytest_asyncio.fixture
async def in_process(fresh_database, clock):
    """Its subscribers without NATS and without the meter; see in_process.py."""
    async with guard_in_process(await fresh_database("services.cost_guard"), Settings(), clock) as guard:
        yield guard


@pytest_asyncio.fixture
async def compared_with(in_process, clock):
    """`await compared_with(machines)`: the bills were compared with a list of these."""

    async def compare(*machines: Machine) -> None:
        listed = FixedList(machines, answered=True)
        await BillingReconciliation(in_process.database, listed, in_process.settings, clock).reconcile()

    return compare
