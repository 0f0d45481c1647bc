"""Jobs on machines of a fake RunPod: real HTTP and real processes, time by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from faststream.nats import TestNatsBroker

from chassis.clock import FakeClock
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from contracts.events import JobCancelRequested
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import HEARTBEAT, Heartbeat
from services.provisioner.adapters.runpod.provider import RunPodProvider
from services.provisioner.application.workers.deadlines import SilentPods
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.names import pod_name
from tests.fake_runpod.faults import CreateFault
from tests.fake_runpod.pods import FakePod
from tests.fake_runpod.server import FakeRunPod
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.services import SettingsFactory
from tests.services.provisioner.runpod_provider import configuration_for
from tests.services.provisioner.test_pauses import paused
from tests.services.provisioner.world import WORKSPACE, FakeBroker, World, checkpoint, completed, start_request


@pytest_asyncio.fixture
async def world(
    fresh_database: DatabaseFactory, settings_for: SettingsFactory, runpod: FakeRunPod
) -> AsyncIterator[World]:
    objects = ObjectStore(ServiceSettings(**settings_for("provisioner")))
    provider = RunPodProvider(configuration_for(runpod, list_lag_s=0.3))
    made = World(await fresh_database("services.provisioner"), objects, provider,  # type: ignore[arg-type]
                 FakeClock(), FakeBroker())
    async with TestNatsBroker(made.bus):
        yield made


async def running(world: World, tier: PricingTier) -> str:
    """A job whose machine runs; its pod's name."""
    start = start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=tier)
    await world.deliver(start)
    await until(world, "pod.running a1")
    return pod_name(start.job_id, 1)


async def until(world: World, kind: str) -> None:
    async with asyncio.timeout(90):
        while kind not in await world.kinds():
            await world.settle(1.0)
            await asyncio.sleep(0.05)


def live(runpod: FakeRunPod) -> list[FakePod]:
    return [pod for pod in runpod.account.pods.values() if pod.exists]


@pytest.mark.parametrize("notice_s", [5.0, 0.0])
async def test_a_reclaimed_spot_machine_is_replaced_and_its_bill_is_the_providers(
    world: World, runpod: FakeRunPod, notice_s: float
) -> None:
    await running(world, PricingTier.SPOT)
    (first,) = live(runpod)
    runpod.account.advance(600)
    await runpod.account.reclaim(first.id, notice_s)
    await until(world, "pod.running a2")
    await until(world, "pod.terminated a1")
    (second,) = live(runpod)
    assert second.id != first.id
    ended = next(event.data for event in await world.published() if event.data.event == "terminated")
    assert ended.provider == "runpod"
    assert abs((ended.running_since - (first.started_at or first.created_at)).total_seconds()) < 1
    # RunPod does not tell when a pod exited; ours ends when it was deleted.
    assert (ended.terminated_at - ended.running_since).total_seconds() == pytest.approx(600, abs=30)


async def test_a_create_without_an_answer_makes_one_machine(world: World, runpod: FakeRunPod) -> None:
    runpod.faults.create = [CreateFault.LOST_ANSWER]
    await running(world, PricingTier.ON_DEMAND)
    assert len(live(runpod)) == 1
    assert (await world.kinds()).count("pod.running a1") == 1


async def test_auto_runs_on_demand_where_spot_is_withdrawn(world: World, runpod: FakeRunPod) -> None:
    runpod.faults.spot_withdrawn = True
    await running(world, PricingTier.AUTO)
    assert [pod.spot for pod in live(runpod)] == [False]


async def test_a_job_waits_for_capacity_and_runs_when_there_is_some(world: World, runpod: FakeRunPod) -> None:
    runpod.faults.no_capacity_until = runpod.account.now()
    runpod.account.advance(-300)
    start = start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.ON_DEMAND)
    await world.deliver(start)
    await world.settle()
    assert (await world.pods(start.job_id))[0].reason.startswith("waiting for capacity")
    runpod.account.advance(300)
    await until(world, "pod.running a1")


async def test_an_empty_account_ends_the_job_with_a_reason(world: World, runpod: FakeRunPod) -> None:
    runpod.account.run_out_of_money()
    start = start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.ON_DEMAND)
    await world.deliver(start)
    await world.settle()
    assert "no credit left" in (await world.published())[-1].data.message


async def test_a_finished_job_leaves_nothing_that_costs_money(world: World, runpod: FakeRunPod) -> None:
    name = await running(world, PricingTier.ON_DEMAND)
    runpod.faults.delete = [500] * 7
    (pod,) = await world.pods(start_job := (await world.published())[0].data.job_id)
    await world.deliver(completed(start_job))
    await until(world, "pod.terminated a1")
    assert live(runpod) == []
    assert (await world.pods(start_job))[0].status is PodStatus.TERMINATED
    assert pod.pod_name == name


async def test_a_machine_that_says_running_and_is_dead_is_replaced_and_paid_for_until_it_is_gone(
    world: World, runpod: FakeRunPod
) -> None:
    runpod.faults.dead = True
    await running(world, PricingTier.ON_DEMAND)
    (dead,) = live(runpod)
    runpod.faults.dead, runpod.faults.delete = False, [500] * 9
    silent = SilentPods(world.context, lambda: True)
    for _ in range(int(world.policy.timeouts.first_heartbeat_s) + 2):
        world.clock.advance(1)
        await silent.interrupt()
    assert dead.status == "RUNNING"
    await until(world, "pod.running a2")
    assert dead.exists
    assert "pod.terminated a1" not in await world.kinds(), "it is billed as long as it may exist"
    await until(world, "pod.terminated a1")
    assert not dead.exists
    assert len(live(runpod)) == 1


async def test_a_machine_that_no_job_knows_is_removed(world: World, runpod: FakeRunPod) -> None:
    await running(world, PricingTier.ON_DEMAND)
    (known,) = live(runpod)
    stray = runpod.account.create({**known.order, "name": f"brightrun-{pod_name(start_request().job_id, 1)}"})
    await asyncio.sleep(0.1)
    await Reaper(world.context).reap()
    assert [pod.id for pod in live(runpod)] == [known.id]
    assert not stray.exists


async def test_another_tier_ends_the_spot_machine_and_goes_on_on_demand(world: World, runpod: FakeRunPod) -> None:
    name = await running(world, PricingTier.SPOT)
    (job_id,) = {event.data.job_id for event in await world.published()}
    (spot,) = live(runpod)
    beat = Heartbeat(attempt=1, stage="training", step=6, sent_at=world.clock.now())
    assert (await world.ask(HEARTBEAT, beat, job_id)).directive == "continue"
    await world.deliver(start_request(
        job_id, run=2, gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.ON_DEMAND))
    assert (await world.ask(HEARTBEAT, beat, job_id)).directive == "pause"
    await world.deliver(checkpoint(job_id, 7))
    await world.deliver(paused(world, job_id))
    await until(world, "pod.running a2")
    await until(world, "pod.terminated a1")
    (second,) = live(runpod)
    assert (spot.spot, second.spot, spot.exists) == (True, False, False)
    assert "pod.interrupted a1" not in await world.kinds()
    assert (await world.job(job_id)).counters.interruptions == 0
    assert name == pod_name(job_id, 1)


async def test_a_cancelled_job_is_off_the_providers_list_within_a_minute(world: World, runpod: FakeRunPod) -> None:
    await running(world, PricingTier.SPOT)
    (job_id,) = {event.data.job_id for event in await world.published()}
    beat = Heartbeat(attempt=1, stage="training", step=6, sent_at=world.clock.now())
    await world.ask(HEARTBEAT, beat, job_id)
    asked_at = world.clock.now()
    await world.deliver(JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="ada"))
    await until(world, "pod.terminated a1")
    assert await world.provider.list() == []
    assert live(runpod) == []
    assert (world.clock.now() - asked_at).total_seconds() <= 60
