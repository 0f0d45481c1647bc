"""Faults by chance meet the share of calls that was stated, and the same calls every time."""

from __future__ import annotations

from pathlib import Path
from random import Random

import httpx
import pytest

from tests.fake_runpod.faults import Chances, CreateFault, Faults
from tests.fake_runpod.options import Options
from tests.fake_runpod.server import FakeRunPod


def test_a_stated_share_of_the_calls_is_met_and_the_rest_is_not() -> None:
    faults = Faults(Chances(Random(1), create={CreateFault.LOST_ANSWER: 0.2, CreateFault.TWICE: 0.1}, delete=0.3))
    drawn = [faults.next_create() for _ in range(5000)]
    assert drawn.count(CreateFault.LOST_ANSWER) == pytest.approx(1000, abs=120)
    assert drawn.count(CreateFault.TWICE) == pytest.approx(500, abs=90)
    assert [faults.next_delete() for _ in range(5000)].count(500) == pytest.approx(1500, abs=150)
    assert faults.next_status() is None


def test_the_same_seed_meets_the_same_calls() -> None:
    first, second = (Faults(Chances(Random(7), any_call=0.5)) for _ in range(2))
    assert [first.next_status() for _ in range(50)] == [second.next_status() for _ in range(50)]


def test_what_a_test_orders_comes_before_chance() -> None:
    faults = Faults(Chances(delete=1.0), delete=[502])
    assert [faults.next_delete(), faults.next_delete()] == [502, 500]


async def test_a_create_can_make_two_pods_of_one_name(runpod: FakeRunPod) -> None:
    runpod.faults.create = [CreateFault.TWICE]
    key = {"Authorization": f"Bearer {runpod.account.options.api_key}"}
    order = {"name": "a", "image": "i", "gpu": {"id": "NVIDIA H100 PCIe"}}
    async with httpx.AsyncClient(base_url=runpod.url, headers=key) as client:
        made = (await client.post("/v2/pods", json=order)).json()
    named = runpod.account.named("a")
    assert len(named) == 2
    assert named[0].id == made["id"]


async def test_pods_can_run_in_something_else_than_a_process(tmp_path: Path) -> None:
    folders = list[Path]()

    class Nothing:
        pid = None

        def __init__(self, folder: Path) -> None:
            self.log = folder / "container.log"
            folders.append(folder)

    Options(tmp_path, container=Nothing).new_container(tmp_path / "pod")  # type: ignore[arg-type]
    assert folders == [tmp_path / "pod"]
