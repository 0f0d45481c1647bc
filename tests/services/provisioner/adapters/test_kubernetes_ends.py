"""How machines in a cluster begin and end, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import sys
from uuid import uuid4

import pytest

from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.prices import MachinePrice
from services.provisioner.ports import MachineState, PodRequest
from tests.fake_kubernetes.server import FakeKubernetes
from tests.services.provisioner.adapters.test_kubernetes_faults import provider_for, running, wanted
from tests.services.provisioner.provider_suite import gone, new_name, until


def runs(cluster: FakeKubernetes, code: str) -> None:
    cluster.options.command = (sys.executable, "-S", "-c", code)


async def test_the_container_gets_its_environment_and_its_job_says_whose_it_is(kubernetes: FakeKubernetes) -> None:
    runs(kubernetes, "import json, os; print(json.dumps(dict(os.environ)))")
    provider, name = provider_for(kubernetes, environment={"MORE": "yes", "GIVEN": "not this"}), new_name()
    value, workspace = 'a"b\nc\\ {{ }} $(HOME)', uuid4()
    await provider.create(PodRequest(name, GpuType.H100_PCIE_80GB, PricingTier.ON_DEMAND, {"GIVEN": value}, workspace,
                                     max_duration_s=3600))
    await until(provider, name, MachineState.EXITED)
    environment = json.loads((await provider.read_log(name, 0, 100_000))[0])
    assert (environment["GIVEN"], environment["MORE"]) == (value, "yes")
    job = kubernetes.store.jobs[name]
    labels = job.metadata["labels"]
    assert labels["brightrun/workspace-id"] == str(workspace)
    assert name == f"job-{labels['brightrun/job-id']}-a{labels['brightrun/attempt']}"
    pod = job.spec["template"]["spec"]
    assert 3600 < pod["activeDeadlineSeconds"] < job.spec["activeDeadlineSeconds"]
    assert (job.spec["backoffLimit"], pod["restartPolicy"]) == (0, "Never")


async def test_a_pod_has_no_rights_and_writes_where_it_may(kubernetes: FakeKubernetes) -> None:
    name = new_name()
    await provider_for(kubernetes, priority_class="training", models_claim="models").create(wanted(name))
    spec = kubernetes.pods(name)[0].spec
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["automountServiceAccountToken"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/work", "/tmp", "/models", "/dev/shm"}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["shm"]["emptyDir"]["medium"] == "Memory"
    assert volumes["models"]["persistentVolumeClaim"] == {"claimName": "models"}
    assert spec["priorityClassName"] == "training"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"


async def test_exit_code_and_log_are_told(kubernetes: FakeKubernetes) -> None:
    runs(kubernetes, "print('last words'); raise SystemExit(7)")
    provider, name = provider_for(kubernetes), new_name()
    await provider.create(wanted(name))
    machine = await until(provider, name, MachineState.EXITED)
    assert (machine.exit_code, machine.out_of_memory) == (7, False)
    assert machine.exited_at is not None
    assert await provider.read_log(name, 0, 100) == (b"last words\n", True)
    assert await provider.read_log(name, 5, 3) == (b"wor", False)
    life = await provider.lifetime(name)
    assert life is not None
    assert life.ended_at == machine.exited_at
    kubernetes.store.advance(3600)
    await gone(provider, name)
    assert await provider.lifetime(name) == life
    assert (await provider.create(wanted(name))).state is MachineState.EXITED  # never started again
    assert kubernetes.store.jobs == {}


async def test_a_success_is_a_code_too(kubernetes: FakeKubernetes) -> None:
    runs(kubernetes, "pass")
    provider, name = provider_for(kubernetes), new_name()
    await provider.create(wanted(name))
    assert (await until(provider, name, MachineState.EXITED)).exit_code == 0


async def test_lack_of_memory_is_told_from_a_kill(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    kubernetes.cluster.kill_for_memory(await running(kubernetes, provider, name))
    machine = await until(provider, name, MachineState.EXITED)
    assert (machine.exit_code, machine.out_of_memory) == (137, True)
    assert "OOMKilled" in machine.reason


async def test_an_evicted_pod_was_taken_away(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    pod = await running(kubernetes, provider, name)
    await kubernetes.cluster.evict(pod, "The node was low on resource: ephemeral-storage.")
    machine = await until(provider, name, MachineState.EXITED)
    assert machine.exit_code is None
    assert "short of resources" in machine.reason
    assert "ephemeral-storage" in machine.reason


@pytest.mark.slow
@pytest.mark.parametrize(("reason", "words"), [
    ("PreemptionByScheduler", "higher priority"), ("EvictionByEvictionAPI", "being emptied")])
async def test_a_pod_that_the_cluster_removes_was_taken_away(
    kubernetes: FakeKubernetes, reason: str, words: str
) -> None:
    provider, name = provider_for(kubernetes), new_name()
    pod = await running(kubernetes, provider, name)
    kubernetes.options.controller_s = 0.3
    kubernetes.cluster.end_pod(pod, reason, "")
    machine = await until(provider, name, MachineState.EXITED)
    assert machine.exit_code is None
    assert words in machine.reason
    async with asyncio.timeout(10):
        while kubernetes.pods(name):
            await asyncio.sleep(0.02)
    machine = await until(provider, name, MachineState.EXITED)  # by its Job, which is still there
    assert words in machine.reason
    life = await provider.lifetime(name)
    assert life is not None
    assert life.ended_at is not None


@pytest.mark.slow
async def test_a_pod_on_a_lost_node_is_there_until_the_node_is_gone(kubernetes: FakeKubernetes) -> None:
    """It may go on training, and costs: nobody knows. Its silence is noticed elsewhere."""
    provider, name = provider_for(kubernetes), new_name()
    pod = await running(kubernetes, provider, name)
    kubernetes.cluster.lose_node(pod)
    machine = await until(provider, name, MachineState.RUNNING)
    assert "its node is lost" in machine.reason
    await provider.terminate(name)
    await asyncio.sleep(0.1)
    assert await provider.describe(name) is not None
    kubernetes.cluster.collect(pod)
    await gone(provider, name)


@pytest.mark.slow
async def test_a_job_that_somebody_removes_is_gone(kubernetes: FakeKubernetes) -> None:
    provider, name = provider_for(kubernetes), new_name()
    await running(kubernetes, provider, name)
    kubernetes.cluster.end_job(kubernetes.store.jobs[name])
    async with asyncio.timeout(10):
        while await provider.describe(name) is not None:
            await asyncio.sleep(0.02)
    life = await provider.lifetime(name)
    assert life is not None
    assert life.ended_at is not None


@pytest.mark.slow
async def test_an_image_that_cannot_be_pulled_is_no_machine_after_a_while(kubernetes: FakeKubernetes) -> None:
    kubernetes.faults.image = 'Back-off pulling image "registry.example/brightrun-trainer:1"'
    provider, name = provider_for(kubernetes, image_wait_s=60.0), new_name()
    assert (await provider.create(wanted(name))).state is MachineState.STARTING
    async with asyncio.timeout(10):
        while b"ImagePullBackOff" not in (await provider.read_log(name, 0, 1000))[0]:
            await asyncio.sleep(0.02)
    kubernetes.store.advance(61)
    machine = await until(provider, name, MachineState.EXITED)
    assert machine.running_since is None
    assert "ImagePullBackOff" in machine.reason
    life = await provider.lifetime(name)
    assert life is not None
    assert life.ended_at is None  # it holds its GPU until it is removed
    kubernetes.faults.image = ""
    assert (await until(provider, name, MachineState.RUNNING)).running_since is not None


async def test_the_price_is_the_one_of_the_day(kubernetes: FakeKubernetes) -> None:
    """It stands at the Job: bills do not change with the configuration."""
    name = new_name()
    await provider_for(kubernetes).create(wanted(name, PricingTier.SPOT))
    later = provider_for(kubernetes, gpus={})
    machine = await until(later, name, MachineState.RUNNING)
    assert machine.price == MachinePrice("NVIDIA H100 PCIe", 1_000_000, 2_500_000)


async def test_a_node_costs_from_the_moment_it_took_the_pod(kubernetes: FakeKubernetes) -> None:
    kubernetes.options.pulling_s = 0.3
    provider, name = provider_for(kubernetes), new_name()
    starting = await provider.create(wanted(name))
    assert starting.state is MachineState.STARTING
    assert starting.created_at is not None
    assert starting.running_since is None
    machine = await until(provider, name, MachineState.RUNNING)
    assert machine.running_since == starting.created_at
