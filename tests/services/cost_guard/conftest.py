"""A running cost_guard over real PostgreSQL and NATS, and a caller that asks it and publishes to it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio

from chassis.clock import FakeClock
from chassis.messaging.bus import Bus
from contracts.envelope import EventData, new_event
from contracts.events import JobCompleted, PodRunning, PodTerminated
from contracts.gpus import GpuType, PricingTier
from contracts.identifiers import uuid7
from contracts.presets import PRESETS
from contracts.registry import parse_event
from contracts.rpc.costs import JOB_COST, RESERVE, EstimateRequest, JobCost, JobCostQuery, ReserveReply, ReserveRequest
from services.cost_guard.app import build_runtime
from services.cost_guard.settings import Settings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Caller:
    def __init__(self, bus: Bus, jetstream: Any, clock: FakeClock) -> None:
        self.bus, self.jetstream, self.clock = bus, jetstream, clock

    def request(
        self, workspace_id: UUID, tier: PricingTier = PricingTier.SPOT, gpu=GpuType.H100_PCIE_80GB
    ) -> EstimateRequest:
        return EstimateRequest(
            workspace_id=workspace_id,
            gpu_type=gpu,
            pricing_tier=tier,
            conversations=242,
            tokens=705_000,
            base_model="llama",
            hyperparameters=PRESETS["balanced"].hyperparameters,
        )

    async def reserve(self, workspace_id: UUID, job_id: UUID, **choice: Any) -> ReserveReply:
        request = ReserveRequest(
            job_id=job_id, job_name="x", requested_by="me", estimate=self.request(workspace_id, **choice)
        )
        return await self.bus.request(RESERVE, request, timeout_s=20)

    async def publish(self, data: EventData) -> None:
        event = new_event(data, source="/test", time=self.clock.now())
        await self.jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})

    def machine(self, job_id: UUID, workspace_id: UUID, attempt: int = 1, tier=PricingTier.SPOT) -> dict[str, Any]:
        return {
            "job_id": job_id,
            "workspace_id": workspace_id,
            "attempt": attempt,
            "pod_name": f"job-{job_id}-a{attempt}",
            "provider": "fake",
            "gpu_type": GpuType.H100_PCIE_80GB,
            "pricing_tier": tier,
        }

    async def run(
        self, job_id: UUID, workspace_id: UUID, since: datetime, until: datetime | None = None, attempt: int = 1
    ) -> None:
        machine = self.machine(job_id, workspace_id, attempt)
        await self.publish(PodRunning(**machine, provider_pod_id="1", running_since=since))
        if until:
            await self.publish(PodTerminated(**machine, running_since=since, terminated_at=until))

    async def complete(self, job_id: UUID, workspace_id: UUID) -> None:
        await self.publish(
            JobCompleted(
                job_id=job_id, workspace_id=workspace_id, job_name="x", created_by="me", completed_at=self.clock.now()
            )
        )

    async def cost(self, job_id: UUID, workspace_id: UUID) -> JobCost:
        return await self.bus.request(JOB_COST, JobCostQuery(job_id=job_id, workspace_id=workspace_id))

    async def published(self, kind: type[EventData], job_or_workspace: UUID, count: int = 1) -> list[Any]:
        """At least `count` events of this kind about this job or workspace; waits for them."""
        for _ in range(200):
            found = [
                event.data
                for event in await self._all()
                if isinstance(event.data, kind) and event.subject.endswith(str(job_or_workspace))
            ]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)
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
    settings = Settings(**settings_for("cost_guard", database_url=database.url, cost_tick_s=0.2))
    runtime = build_runtime(settings, clock=clock)
    async with runtime.lifespan():
        yield runtime


@pytest_asyncio.fixture
async def caller(guard, settings_for, jetstream, clock):
    bus = Bus(Settings(**settings_for("job_api")))
    await bus.start()
    yield Caller(bus, jetstream, clock)
    await bus.stop()


@pytest_asyncio.fixture
async def job() -> tuple[UUID, UUID]:
    return uuid7(), uuid7()


def hours(count: float) -> timedelta:
    return timedelta(hours=count)
