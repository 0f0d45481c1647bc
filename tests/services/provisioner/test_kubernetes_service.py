"""Jobs on the nodes of a fake cluster: real HTTP and real processes, time by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio
from faststream.nats import TestNatsBroker

from chassis.clock import FakeClock
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.kubernetes.provider import KubernetesProvider
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.names import pod_name
from tests.fake_kubernetes.server import FakeKubernetes
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.services import SettingsFactory
from tests.services.provisioner.kubernetes_provider import configuration_for
from tests.services.provisioner.provider_suite import request_for
from tests.services.provisioner.world import FakeBroker, World, completed, start_request

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def world(
    fresh_database: DatabaseFactory, settings_for: SettingsFactory, kubernetes: FakeKubernetes
) -> AsyncIterator[World]:
    objects = ObjectStore(ServiceSettings(**settings_for("provisioner")))
    provider = KubernetesProvider(configuration_for(kubernetes, schedule_wait_s=0.0, image_wait_s=0.0,
                                                    placement_look_s=0.5))
    made = World(await fresh_database("services.provisioner"), objects, provider,  # type: ignore[arg-type]
                 FakeClock(), FakeBroker())
    async with TestNatsBroker(made.bus):
        yield made


async def begun(world: World, tier: PricingTier = PricingTier.ON_DEMAND) -> UUID:
    start = start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=tier)
    await world.deliver(start)
    await world.settle()
    return start.job_id


async def until(world: World, kind: str) -> None:
    async with asyncio.timeout(90):
        while kind not in await world.kinds():
            await world.settle(2.0)
            await asyncio.sleep(0.05)


async def test_a_job_ends_and_leaves_nothing_behind_but_its_bill(world: World, kubernetes: FakeKubernetes) -> None:
    job_id = await begun(world, PricingTier.SPOT)
    await until(world, "pod.running a1")
    (pod,) = kubernetes.pods(pod_name(job_id, 1))
    assert pod.metadata["labels"]["brightrun/workspace-id"] == str((await world.job(job_id)).workspace_id)
    await world.deliver(completed(job_id))
    await until(world, "pod.terminated a1")
    assert kubernetes.store.jobs == kubernetes.store.pods == kubernetes.store.secrets == {}
    ended = next(event.data for event in await world.published() if event.data.event == "terminated")
    assert (ended.provider, ended.rate_micro_usd_per_hour) == ("kubernetes", 1_000_000)
    assert ended.terminated_at >= ended.running_since


async def test_a_full_cluster_is_waited_for_in_line(world: World, kubernetes: FakeKubernetes) -> None:
    for node in kubernetes.options.nodes:
        node.gpus = 0
    job_id = await begun(world)
    await until(world, "pod.waiting a1")
    (pod,) = await world.pods(job_id)
    assert "Insufficient nvidia.com/gpu" in pod.reason
    kubernetes.options.nodes[0].gpus = 1
    await until(world, "pod.running a1")


async def test_auto_takes_on_demand_where_there_are_no_spot_nodes(world: World, kubernetes: FakeKubernetes) -> None:
    kubernetes.options.nodes = [node for node in kubernetes.options.nodes if not node.name.startswith("spot")]
    start = start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.AUTO,
                          estimated_cost_micro_usd=10_000_000)
    await world.deliver(start)
    await until(world, "pod.running a1")
    assert kubernetes.pods(pod_name(start.job_id, 1))[0].spec["nodeName"].startswith("gpu-")


async def test_an_evicted_machine_is_replaced(world: World, kubernetes: FakeKubernetes) -> None:
    job_id = await begun(world)
    await until(world, "pod.running a1")
    (pod,) = kubernetes.pods(pod_name(job_id, 1))
    await kubernetes.cluster.evict(pod, "The node was low on resource: memory.")
    await until(world, "pod.running a2")
    await until(world, "pod.terminated a1")
    interrupted = next(event.data for event in await world.published() if event.data.event == "interrupted")
    assert "short of resources" in interrupted.reason
    assert len(kubernetes.store.jobs) == 1


async def test_a_trainer_without_enough_memory_is_given_up_with_that_reason(
    world: World, kubernetes: FakeKubernetes
) -> None:
    job_id = await begun(world)
    for attempt in (1, 2, 3):
        await until(world, f"pod.running a{attempt}")
        kubernetes.cluster.kill_for_memory(kubernetes.pods(pod_name(job_id, attempt))[0])
        await until(world, f"pod.terminated a{attempt}")
    failed = next(event.data for event in await world.published() if event.data.event == "failed")
    assert failed.error_code == "host_out_of_memory"
    assert kubernetes.store.jobs == {}


async def test_an_image_that_cannot_be_pulled_ends_the_job_with_that_reason(
    world: World, kubernetes: FakeKubernetes
) -> None:
    kubernetes.faults.image = 'Back-off pulling image "registry.example/brightrun-trainer:1"'
    await begun(world)
    await until(world, "pod.failed a3")
    failed = next(event.data for event in await world.published() if event.data.event == "failed")
    assert failed.error_code == "image_pull"
    assert "brightrun-trainer:1" in failed.message


async def test_a_machine_that_no_job_knows_is_removed(world: World, kubernetes: FakeKubernetes) -> None:
    stray = pod_name(start_request().job_id, 1)
    await world.provider.create(request_for(stray, gpu_type=GpuType.H100_PCIE_80GB, tier=PricingTier.ON_DEMAND))
    await Reaper(world.context).reap()
    async with asyncio.timeout(10):
        while kubernetes.store.jobs:
            await asyncio.sleep(0.02)
