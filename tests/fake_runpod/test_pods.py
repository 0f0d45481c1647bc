"""Pods are processes: the trainer itself when it is asked for, ended as RunPod ends them."""

from __future__ import annotations

import asyncio
import sys

import httpx
import psutil
import pytest

from tests.fake_runpod.catalog import SXM
from tests.fake_runpod.pods import FakePod
from tests.fake_runpod.server import FakeRunPod

LISTENER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('SIGTERM', flush=True), sys.exit(0)))
print('ready', flush=True)
time.sleep(600)
"""


def ordered(runpod: FakeRunPod, *command: str) -> FakePod:
    runpod.account.options.command = (sys.executable, *command)
    return runpod.account.create({"name": "a-pod", "image": "an/image", "gpu": {"id": SXM}, "env": {}})


async def written(pod: FakePod, word: str) -> str:
    async with asyncio.timeout(20):
        while word not in (text := pod.container.log.read_text() if pod.container.log.exists() else ""):
            await asyncio.sleep(0.02)
    return text


async def test_a_pod_can_be_the_trainer(runpod: FakeRunPod) -> None:
    """Without a job it says so and ends."""
    pod = ordered(runpod, "-m", "trainer_image")
    assert "BRIGHTRUN_POD_SPEC" in await written(pod, "BRIGHTRUN_POD_SPEC")
    async with asyncio.timeout(20):
        while pod.status != "EXITED":
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("notice_s", "last_words"), [(5.0, "SIGTERM"), (0.0, "ready")])
async def test_a_reclaimed_pod_has_as_much_time_as_it_is_given(
    runpod: FakeRunPod, notice_s: float, last_words: str
) -> None:
    pod = ordered(runpod, "-S", "-c", LISTENER)
    await written(pod, "ready")
    pid = pod.container.pid
    await runpod.account.reclaim(pod.id, notice_s)
    assert pod.container.log.read_text().split()[-1] == last_words
    assert (pod.status, pod.describe(runpod.account.now())["cost"]) == ("EXITED", 0.0)
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_an_empty_balance_ends_every_pod_without_a_network_volume(runpod: FakeRunPod) -> None:
    pod = ordered(runpod, "-S", "-c", LISTENER)
    await written(pod, "ready")
    runpod.account.advance(200 * 3600)
    assert runpod.account.balance < 0
    runpod.account.run_out_of_money()
    assert runpod.account.listed() == []
    assert await written(pod, "SIGTERM")


async def test_a_machine_is_reclaimed_when_its_container_has_written_the_words(runpod: FakeRunPod) -> None:
    headers = {"Authorization": f"Bearer {runpod.account.options.api_key}"}
    async with httpx.AsyncClient(base_url=runpod.url, headers=headers) as client:
        assert (await client.post("/faults/reclaim", json={"after": "rea.y", "notice_s": 5})).status_code == 204
    first, second = ordered(runpod, "-S", "-c", LISTENER), ordered(runpod, "-S", "-c", LISTENER)
    await written(first, "SIGTERM")
    async with asyncio.timeout(10):
        while first.status != "EXITED":
            await asyncio.sleep(0.02)
    await written(second, "ready")
    assert second.status == "RUNNING"
