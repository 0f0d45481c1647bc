"""Whatever happens to its machines, what is billed and what is counted as leaked is the provider's own bill.

The provisioner on a fake RunPod, and cost_guard, told what the provisioner publishes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio
from faststream.nats import TestNatsBroker

from chassis.clock import FakeClock
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from contracts import events
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import JOB_COST, JobCostQuery
from services.cost_guard.settings import Settings as GuardSettings
from services.provisioner.adapters.runpod.provider import RunPodProvider
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import ProviderError
from tests.fake_runpod.billing import pod_bills
from tests.fake_runpod.faults import CreateFault
from tests.fake_runpod.pods import FakePod
from tests.fake_runpod.server import FakeRunPod
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.services import SettingsFactory
from tests.services.cost_guard.examples import NOON
from tests.services.cost_guard.in_process import GuardInProcess, guard_in_process
from tests.services.provisioner.runpod_provider import configuration_for
from tests.services.provisioner.world import WORKSPACE, FakeBroker, World, completed, start_request

# RunPod's clock tells whole seconds, and an end is seen some hundredths of a second after it.
_SECONDS_OFF = 2.0


@pytest_asyncio.fixture
async def world(
    fresh_database: DatabaseFactory, settings_for: SettingsFactory, runpod: FakeRunPod
) -> AsyncIterator[World]:
    provider = RunPodProvider(configuration_for(runpod, list_lag_s=0.3))
    objects = ObjectStore(ServiceSettings(**settings_for("provisioner")))
    made = World(await fresh_database("services.provisioner"), objects, provider,  # type: ignore[arg-type]
                 FakeClock(datetime.now(UTC)), FakeBroker())
    async with TestNatsBroker(made.bus):
        yield made


@pytest_asyncio.fixture
async def guard(fresh_database: DatabaseFactory) -> AsyncIterator[GuardInProcess]:
    database = await fresh_database("services.cost_guard")
    async with guard_in_process(database, GuardSettings(), FakeClock(NOON)) as made:
        yield made


class Story:
    """Jobs at RunPod: `runpod` is the provider's side, `world` ours."""

    def __init__(self, world: World, runpod: FakeRunPod) -> None:
        self.world, self.runpod, self.reaper = world, runpod, Reaper(world.context)
        self.jobs: list[UUID] = []

    async def start(self, tier: PricingTier) -> UUID:
        start = start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=tier)
        self.jobs.append(start.job_id)
        await self.world.deliver(start)
        return start.job_id

    async def running(self, tier: PricingTier = PricingTier.ON_DEMAND) -> UUID:
        job_id = await self.start(tier)
        await self.until("pod.running", job_id)
        return job_id

    async def until(self, kind: str, job_id: UUID, attempt: int = 1) -> None:
        async with asyncio.timeout(60):
            while not any(event.data.subject_prefix() == kind and event.data.job_id == job_id
                          and event.data.attempt == attempt for event in await self.world.published()):
                await self.look()

    async def look(self) -> None:
        await self.world.settle(1.0)
        with suppress(ProviderError):
            await self.reaper.reap()
        await asyncio.sleep(0.05)

    def advance(self, seconds: float) -> None:
        """Time passes at both."""
        self.runpod.account.advance(seconds)
        self.world.clock.advance(seconds)

    async def cancel(self, job_id: UUID) -> None:
        await self.world.deliver(
            events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))

    def pod(self, job_id: UUID, attempt: int = 1) -> FakePod:
        name = f"brightrun-{pod_name(job_id, attempt)}"
        return next(pod for pod in self.runpod.account.pods.values() if pod.name == name)

    async def everything_ends(self) -> None:
        async with asyncio.timeout(60):
            while not await self._is_over():
                await self.look()

    async def _is_over(self) -> bool:
        rows = [pod for job_id in self.jobs for pod in await self.world.pods(job_id)]
        return all(pod.closed_at for pod in rows) and not any(
            pod.exists for pod in self.runpod.account.pods.values())

    @property
    def leaked_micro_usd(self) -> int:
        return round(1_000_000 * self.world.context.metrics.leaked_usd.labels("runpod")._value.get())


async def billed(world: World, guard: GuardInProcess, jobs: list[UUID]) -> dict[UUID, int]:
    """What cost_guard makes of what the provisioner has published."""
    for event in await world.published():
        if event.data.entity == "pod":
            await guard.deliver(event)
    costs = [await guard.request(JOB_COST, JobCostQuery(job_id=job_id, workspace_id=WORKSPACE)) for job_id in jobs]
    assert not any(cost.running for cost in costs)
    return dict(zip(jobs, (cost.cost_micro_usd for cost in costs), strict=True))


async def live(story: Story) -> None:
    account, faults = story.runpod.account, story.runpod.faults
    finished = await story.running()
    story.advance(1800)
    await story.world.deliver(completed(finished))
    await story.until("pod.terminated", finished)
    lost = await story.running(PricingTier.SPOT)
    story.advance(2400)
    await account.reclaim(story.pod(lost).id, 0)
    await story.until("pod.running", lost, attempt=2)
    story.advance(600)
    await story.cancel(lost)
    await story.until("pod.terminated", lost, attempt=2)
    faults.create = [CreateFault.LOST_ANSWER]
    await story.cancel(await story.running())  # its create was not answered
    account.options.starting_s = 30.0
    early = await story.start(PricingTier.SPOT)
    await story.look()
    story.advance(300)
    await story.cancel(early)  # while its image is pulled
    await story.until("pod.terminated", early)
    account.options.starting_s = 0.0


@pytest.mark.slow
async def test_the_sum_of_all_bills_is_the_providers_bill(
    world: World, runpod: FakeRunPod, guard: GuardInProcess
) -> None:
    story = Story(world, runpod)
    await live(story)
    await story.everything_ends()
    bills = await billed(world, guard, story.jobs)
    own = pod_bills(runpod.account, None)["metadata"]
    assert story.leaked_micro_usd == 0
    off = own["uniquePodCount"] * _SECONDS_OFF * 3_490_000 / 3600
    assert abs(sum(bills.values()) - 1_000_000 * own["totals"]["totalAmount"]) <= off
    for job_id, micro_usd in bills.items():
        mine = [pod for pod in runpod.account.pods.values() if str(job_id) in pod.name]
        usd = sum(pod.bill(runpod.account.now()) for pod in mine)
        assert abs(micro_usd - 1_000_000 * usd) <= len(mine) * _SECONDS_OFF * 3_490_000 / 3600, job_id


async def test_what_no_job_pays_for_is_counted_as_leaked(
    world: World, runpod: FakeRunPod, guard: GuardInProcess
) -> None:
    """A machine that nobody knows, and a second one of a name: somebody else's error, or a call that came late."""
    story = Story(world, runpod)
    known = await story.running()
    order = story.pod(known).order
    second = runpod.account.create(order)
    stranger = runpod.account.create({**order, "name": f"brightrun-{pod_name(start_request().job_id, 1)}"})
    await asyncio.sleep(0.1)
    story.advance(900)
    await story.look()
    assert not second.exists
    assert not stranger.exists
    await story.cancel(known)
    await story.everything_ends()
    await story.look()
    bills = await billed(world, guard, story.jobs)
    total = 1_000_000 * pod_bills(runpod.account, None)["metadata"]["totals"]["totalAmount"]
    assert world.context.metrics.leaked._value.get() == 2
    assert story.leaked_micro_usd > 2 * 800_000
    assert abs(sum(bills.values()) + story.leaked_micro_usd - total) <= 3 * _SECONDS_OFF * 3_490_000 / 3600
