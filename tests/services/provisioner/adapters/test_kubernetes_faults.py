"""What a cluster refuses, has no room for, breaks and takes back, and what becomes of it here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.exchange import RateLimited, Unavailable
from services.provisioner.adapters.kubernetes.errors import Forbidden, InvalidRequest, NoNamespace, WrongToken
from services.provisioner.adapters.kubernetes.provider import KubernetesProvider
from services.provisioner.ports import (
    AskLater,
    MachineState,
    NoCapacity,
    PodRequest,
    ProviderError,
    RequestRefused,
    TierNotOffered,
    TierSoldOut,
)
from tests.fake_kubernetes.faults import CreateFault
from tests.fake_kubernetes.objects import KeptPod
from tests.fake_kubernetes.server import FakeKubernetes
from tests.services.provisioner.kubernetes_provider import H100, configuration_for
from tests.services.provisioner.provider_suite import gone, new_name, request_for, until


def wanted(name: str, tier: PricingTier = PricingTier.ON_DEMAND, **environment: str) -> PodRequest:
    return request_for(name, gpu_type=GpuType.H100_PCIE_80GB, tier=tier, **environment)


def provider_for(cluster: FakeKubernetes, **changes: Any) -> KubernetesProvider:
    return KubernetesProvider(configuration_for(cluster, **changes))


async def running(cluster: FakeKubernetes, provider: KubernetesProvider, name: str) -> KeptPod:
    await provider.create(wanted(name))
    await until(provider, name, MachineState.RUNNING)
    (pod,) = cluster.pods(name)
    return pod


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*CreateFault])
async def test_however_a_create_is_answered_there_is_one_machine(
    kubernetes: FakeKubernetes, fault: CreateFault
) -> None:
    """The name is taken once, so that a create may be repeated."""
    provider, name = provider_for(kubernetes, timeout_s=0.5), new_name()
    kubernetes.faults.create, kubernetes.faults.slow_s = [fault], 0.7
    machine = await provider.create(wanted(name))
    assert machine.provider_pod_id == kubernetes.store.jobs[name].uid
    assert len(kubernetes.pods(name)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("step", ["secret", "resume"])
async def test_a_create_that_stopped_half_way_is_taken_up_by_the_next(kubernetes: FakeKubernetes, step: str) -> None:
    """The Job waits for its Secret: nothing runs before, and nobody else must do it."""
    name = new_name()
    getattr(kubernetes.faults, step).extend([503] * 3)
    with pytest.raises(Unavailable):
        await provider_for(kubernetes).create(wanted(name, SEED="of a user"))
    assert kubernetes.pods(name) == []
    another = provider_for(kubernetes)
    await another.create(wanted(name, SEED="of a user"))
    await until(another, name, MachineState.RUNNING)
    assert len(kubernetes.store.secrets) == 1


@pytest.mark.slow
async def test_a_process_that_knows_nothing_finds_the_same_machines(kubernetes: FakeKubernetes) -> None:
    name = new_name()
    made = await provider_for(kubernetes).create(wanted(name))
    another = provider_for(kubernetes)
    assert (await another.create(wanted(name))).provider_pod_id == made.provider_pod_id
    await gone(another, name)
    assert kubernetes.store.jobs == kubernetes.store.pods == kubernetes.store.secrets == {}


async def test_machines_of_another_installation_are_not_ours(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    await provider_for(kubernetes, installation="another").create(wanted(name))
    assert await provider.list() == []
    await provider.terminate(name)
    assert name in kubernetes.store.jobs
    with pytest.raises(ProviderError, match="another installation"):
        await provider.create(wanted(name))


@pytest.mark.slow
async def test_a_full_cluster_is_no_capacity_in_the_schedulers_words(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes, schedule_wait_s=60.0, placement_look_s=0.2), new_name()
    for node in kubernetes.options.nodes:
        node.gpus = 0
    with pytest.raises(AskLater, match=r"Insufficient nvidia\.com/gpu"):
        await provider.create(wanted(name))
    kubernetes.store.advance(61)
    with pytest.raises(NoCapacity, match=r"no node of the cluster is free for it: 0/4 nodes are available: .*selector"):
        await provider.create(wanted(name))
    assert await provider.describe(name) is None
    await _until_removed(kubernetes, name)
    assert await provider.lifetime(name) is None
    kubernetes.options.nodes[0].gpus = 1
    assert (await provider.create(wanted(name))).created_at is not None


@pytest.mark.slow
async def test_while_the_withdrawn_job_is_removed_its_name_is_waited_for(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes, schedule_wait_s=0.0, placement_look_s=0.2), new_name()
    kubernetes.options.nodes.clear()
    kubernetes.options.controller_s = 0.6
    with pytest.raises(NoCapacity):
        await provider.create(wanted(name))
    with pytest.raises(AskLater, match="still being removed"):
        await provider.create(wanted(name))


@pytest.mark.slow
async def test_no_spot_node_is_another_matter_than_no_node(kubernetes: FakeKubernetes) -> None:
    kubernetes.options.nodes = [node for node in kubernetes.options.nodes if not node.name.startswith("spot")]
    provider = provider_for(kubernetes, schedule_wait_s=0.0, placement_look_s=0.2)
    with pytest.raises(TierSoldOut):
        await provider.create(wanted(new_name(), PricingTier.SPOT))
    await provider.create(wanted(new_name()))


async def test_spot_is_taken_by_spot_nodes_and_on_demand_by_the_others(kubernetes: FakeKubernetes) -> None:
    provider, spot, on_demand = provider_for(kubernetes), new_name(), new_name()
    await provider.create(wanted(spot, PricingTier.SPOT))
    await provider.create(wanted(on_demand))
    assert kubernetes.pods(spot)[0].spec["nodeName"] == "spot-1"
    assert kubernetes.pods(on_demand)[0].spec["nodeName"].startswith("gpu-")


async def test_a_quota_is_told_in_its_own_words(kubernetes: FakeKubernetes) -> None:
    """The Job is made; it is the job controller that may make no pod."""
    provider = provider_for(kubernetes, schedule_wait_s=0.0, placement_look_s=0.2)
    kubernetes.faults.no_pods = 'pods "x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1'
    with pytest.raises(NoCapacity, match="exceeded quota: gpus"):
        await provider.create(wanted(new_name()))
    kubernetes.faults.forbidden = 'jobs.batch "x" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1'
    with pytest.raises(NoCapacity, match="exceeded quota: jobs"):
        await provider.create(wanted(new_name()))


@pytest.mark.parametrize(("order", "error", "words"), [
    (lambda one: setattr(one.faults, "forbidden", "User x cannot create resource jobs"), Forbidden, "cannot create"),
    (lambda one: setattr(one.options, "token", "another"), WrongToken, "TOKEN_FILE"),
    (lambda one: setattr(one.options, "namespace", "elsewhere"), NoNamespace, "make the namespace"),
])
async def test_refusals_are_told_apart(
    kubernetes: FakeKubernetes, order: Any, error: type[ProviderError], words: str
) -> None:
    provider = provider_for(kubernetes)
    order(kubernetes)
    with pytest.raises(error, match=words):
        await provider.create(wanted(new_name()))
    assert issubclass(error, RequestRefused)


async def test_a_name_that_is_too_long_is_ours_to_mend(kubernetes: FakeKubernetes) -> None:
    with pytest.raises(InvalidRequest, match="63 characters"):
        await provider_for(kubernetes).create(wanted("job-" + "x" * 60))


async def test_a_gpu_type_without_nodes_and_a_tier_without_nodes_are_refused(kubernetes: FakeKubernetes) -> None:
    with pytest.raises(RequestRefused, match="no nodes for h100"):
        await provider_for(kubernetes, gpus={}).create(wanted(new_name()))
    without_spot = provider_for(kubernetes, gpus={GpuType.H100_PCIE_80GB: H100.model_copy(update={"spot": None})})
    with pytest.raises(TierNotOffered):
        await without_spot.create(wanted(new_name(), PricingTier.SPOT))
    assert not (await without_spot.capacity(GpuType.H100_PCIE_80GB, PricingTier.SPOT)).available
    assert [price.pricing_tier for price in await without_spot.prices(GpuType.H100_PCIE_80GB)] == [
        PricingTier.ON_DEMAND]


@pytest.mark.slow
async def test_a_short_rate_limit_is_waited_for_and_a_long_one_closes_the_door(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    kubernetes.faults.rate_limited = [1]
    assert (await provider.create(wanted(name))).name == name
    kubernetes.faults.rate_limited = [60]
    with pytest.raises(RateLimited) as limited:
        await provider.create(wanted(new_name()))
    assert 59 < limited.value.retry_after_s <= 60
    before = len(kubernetes.exchanges)
    with pytest.raises(RateLimited):
        await provider.terminate(name)
    assert len(kubernetes.exchanges) == before


@pytest.mark.slow
async def test_what_fails_for_a_moment_is_repeated_and_what_keeps_failing_is_no_end(
    kubernetes: FakeKubernetes
) -> None:
    provider, name = provider_for(kubernetes), new_name()
    kubernetes.faults.any_call = [503, 504]
    await provider.create(wanted(name))
    kubernetes.faults.delete = [500] * 3
    with pytest.raises(Unavailable):
        await provider.terminate(name)
    assert await provider.describe(name) is not None
    kubernetes.faults.delete = [500, 503]
    await provider.terminate(name)
    await gone(provider, name)


@pytest.mark.slow
async def test_a_list_whose_next_page_has_expired_is_read_again(kubernetes: FakeKubernetes) -> None:
    provider = provider_for(kubernetes)
    for _ in range(3):
        await provider.create(wanted(new_name()))
    kubernetes.options.page, kubernetes.faults.expired_pages = 1, 1
    await asyncio.sleep(0.03)
    assert len(await provider.list()) == 3


async def test_a_cluster_that_cannot_be_reached_has_made_nothing(kubernetes: FakeKubernetes) -> None:
    with pytest.raises(ProviderError, match="cannot be reached"):
        await provider_for(kubernetes, url="http://127.0.0.1:9").create(wanted(new_name()))


@pytest.mark.slow
async def test_the_token_may_change_at_any_time(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    await provider.create(wanted(name))
    kubernetes.options.token = "the-next-one"
    kubernetes.token_file.write_text("the-next-one")
    assert await provider.describe(name) is not None
    kubernetes.token_file.unlink()
    with pytest.raises(ProviderError, match="token of the cluster cannot be read"):
        await provider.terminate(name)


async def test_a_stale_object_of_the_same_name_is_not_removed_in_place_of_the_new_one(
    kubernetes: FakeKubernetes
) -> None:
    provider, name = provider_for(kubernetes), new_name()
    await provider.create(wanted(name))
    kubernetes.faults.delete = [409]
    await provider.terminate(name)
    assert await provider.describe(name) is not None


@pytest.mark.slow
async def test_a_pod_that_has_lost_its_job_is_still_a_machine(kubernetes: FakeKubernetes) -> None:
    """Somebody removed the Job and left its pod: it holds a GPU."""
    provider, name = provider_for(kubernetes), new_name()
    pod = await running(kubernetes, provider, name)
    kubernetes.store.remove(kubernetes.store.jobs[name])
    await asyncio.sleep(0.03)
    assert [machine.name for machine in await provider.list()] == [name]
    await gone(provider, name)
    assert pod.container.pid is not None
    assert kubernetes.store.pods == {}


async def test_who_asked_for_it_is_in_no_error_and_in_no_job(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    kubernetes.faults.forbidden = f"no: {kubernetes.options.token}"
    with pytest.raises(Forbidden, match=r"no: \*\*\*"):
        await provider.create(wanted(name))
    kubernetes.faults.forbidden = ""
    await provider.create(wanted(name, BRIGHTRUN_NATS_CREDENTIALS="seed of a user"))
    assert "seed of a user" not in str(kubernetes.store.jobs[name].document)
    assert "seed of a user" not in str(kubernetes.pods(name)[0].document)
    (secret,) = kubernetes.store.secrets.values()
    assert secret.metadata["ownerReferences"][0]["uid"] == kubernetes.store.jobs[name].uid


async def _until_removed(cluster: FakeKubernetes, name: str) -> None:
    async with asyncio.timeout(10):
        while name in cluster.store.jobs:
            await asyncio.sleep(0.02)
