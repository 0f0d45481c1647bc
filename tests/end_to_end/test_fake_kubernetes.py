"""The main job on the nodes of a fake cluster: the whole installation, and the real trainer as the pods' container."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.layout import Layout
from stack.parts import free_port
from tests.system import history
from tests.system.stack_under_test import ROOT, StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("fake_kubernetes")]
PRICE = 2.5
GPUS = {"h100_pcie_80gb": {"model": "NVIDIA H100 PCIe", "tolerations": [{"key": "nvidia.com/gpu"}],
                           "on_demand": {"usd_per_hour": PRICE}, "spot": {"usd_per_hour": PRICE}}}


@pytest.fixture(scope="module")
def system() -> Iterator[StackUnderTest]:
    folder, port = Path(tempfile.mkdtemp(prefix="brightrun-kubernetes-")), free_port()
    stack = StackUnderTest(folder / ".data")
    model = str(Layout(stack.data).base_model)
    cluster = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_kubernetes", "--port", str(port), "--folder", str(folder / "cluster"), "--",
         sys.executable, "-m", "trainer_image"],
        cwd=ROOT, env={**stack.environment, "BRIGHTRUN_BASE_MODEL_DIR": model}, stdout=subprocess.PIPE, text=True)
    assert cluster.stdout is not None
    assert "KUBERNETES_SERVER" in cluster.stdout.readline()
    stack.environment |= {
        "BRIGHTRUN_PROVIDER": "kubernetes", "BRIGHTRUN_KUBERNETES_SERVER": f"http://127.0.0.1:{port}",
        "BRIGHTRUN_KUBERNETES_TOKEN_FILE": str(folder / "cluster" / "token"), "BASE_MODEL": model,
        "BRIGHTRUN_KUBERNETES_IMAGE": "the-trainer-of-this-checkout", "BRIGHTRUN_KUBERNETES_GPUS": json.dumps(GPUS)}
    stack.up()
    yield stack
    stack.down()
    cluster.terminate()
    cluster.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_main_job_trains_in_the_cluster_and_is_billed_at_its_price(system: StackUnderTest) -> None:
    job = system.start_job(preset="balanced")
    system.wait_for(job.id, lambda found: found.status == "completed")
    history.check(system, job.id)
    (pod,) = system.query("provisioner", "SELECT provider, gpu_model, rate_micro_usd_per_hour, status FROM pods")
    assert (pod["provider"], pod["gpu_model"], pod["rate_micro_usd_per_hour"]) == (
        "kubernetes", "NVIDIA H100 PCIe", PRICE * 1_000_000)
    assert pod["status"] == "terminated"
