"""`make demo PROVIDER=fake-runpod`: the main job on rented machines, one of which is taken back."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import history
from tests.system.stack_under_test import StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("fake_runpod")]


@pytest.fixture(scope="module")
def system() -> Iterator[StackUnderTest]:
    folder = Path(tempfile.mkdtemp(prefix="brightrun-runpod-"))
    stack = StackUnderTest(folder / ".data")
    stack.environment["BRIGHTRUN_PROVIDER"] = "fake-runpod"
    yield stack
    stack.down()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_demo_survives_an_interruption_and_delivers(system: StackUnderTest) -> None:
    said = system.command("stack", "demo").stdout
    assert "interrupted 1x (SIGTERM), resumed from step" in said
    assert "The adapter loads" in said
    (row,) = system.query("provisioner", "SELECT job_id FROM jobs")
    figures = history.check(system, str(row["job_id"]))
    assert (figures["attempts"], figures["recoveries"]) == (2, 1)
    machines = system.query("provisioner", "SELECT provider, gpu_type, pricing_tier FROM pods")
    assert {(machine["provider"], machine["gpu_type"]) for machine in machines} == {("runpod", "h100_pcie_80gb")}
