"""`make demo PROVIDER=fake-kubernetes`: the main job on the nodes of a fake cluster, the real trainer in its pods."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import history
from tests.system.stack_under_test import StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("fake_kubernetes")]


@pytest.fixture(scope="module")
def system() -> Iterator[StackUnderTest]:
    folder = Path(tempfile.mkdtemp(prefix="brightrun-kubernetes-"))
    stack = StackUnderTest(folder / ".data")
    stack.environment["BRIGHTRUN_PROVIDER"] = "fake-kubernetes"
    yield stack
    stack.down()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_demo_trains_in_the_cluster_and_is_billed_at_its_price(system: StackUnderTest) -> None:
    said = system.command("stack", "demo").stdout
    assert "The adapter loads" in said
    assert "make down PROVIDER=fake-kubernetes" in said
    (row,) = system.query("provisioner", "SELECT job_id FROM jobs")
    history.check(system, str(row["job_id"]))
    (pod,) = system.query(
        "provisioner", "SELECT provider, gpu_model, pricing_tier, rate_micro_usd_per_hour, status FROM pods")
    assert (pod["provider"], pod["gpu_model"], pod["status"]) == ("kubernetes", "NVIDIA H100 PCIe", "terminated")
    assert pod["rate_micro_usd_per_hour"] == {"on_demand": 2_500_000, "spot": 1_250_000}[pod["pricing_tier"]]
