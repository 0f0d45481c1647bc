"""The pod's own dead man's switches: nobody answers, and nobody is left to end the machine."""

import asyncio
import threading
import time

import pytest

from tests.fake_runpod.catalog import SXM
from tests.fake_runpod.server import FakeRunPod
from tests.trainer_image.conftest import Bench
from tests.trainer_image.runs import stored
from trainer_image.lease import Lease
from trainer_image.own_machine import delete_own_machine


def test_a_lease_ends_when_nobody_renews_it() -> None:
    now = 0.0
    lease = Lease(10, lambda: now)
    now = 9.0
    lease.renew()
    now = 18.9
    assert lease.left_s == pytest.approx(0.1)
    lease.renew(100)
    now = 118.0
    assert lease.left_s == pytest.approx(0.9)
    now = 200.0
    assert lease.left_s == 0


def test_its_end_is_told_once_and_not_before() -> None:
    lease, ended = Lease(0.2), threading.Event()
    lease.watch(ended.set)
    for _ in range(5):
        time.sleep(0.05)
        lease.renew()
    assert not ended.is_set()
    assert ended.wait(10)


async def test_a_pod_deletes_itself_with_its_own_key_and_nothing_else(runpod: FakeRunPod) -> None:
    order = {"name": "a-pod", "image": "an/image", "gpu": {"id": SXM}, "env": {"BRIGHTRUN_RUNPOD_URL": runpod.url}}
    mine, other = runpod.account.create(order), runpod.account.create(order)
    stolen = {**mine.env, "RUNPOD_POD_ID": other.id}
    assert not await asyncio.to_thread(delete_own_machine, stolen)
    assert await asyncio.to_thread(delete_own_machine, mine.env)
    assert (mine.exists, other.exists) == (False, True)


async def test_where_it_cannot_be_deleted_the_trainer_only_ends() -> None:
    assert not delete_own_machine({})
    unreachable = {"BRIGHTRUN_RUNPOD_URL": "http://127.0.0.1:9", "RUNPOD_POD_ID": "p", "RUNPOD_API_KEY": "k"}
    assert not await asyncio.to_thread(delete_own_machine, unreachable)


@pytest.mark.slow
async def test_a_trainer_that_nobody_answers_ends_itself(bench: Bench) -> None:
    run = bench.run(overrides={"num_epochs": 50}, lease_s=3.0).start()
    await run.until(lambda: len(run.steps()) > 20)
    assert bench.provisioner.asked["heartbeat"] > 3
    await bench.provisioner.stop()
    assert await run.finished(timeout_s=30) == 75
    interrupted = [event.data for event in await stored(bench.stream, "PODS", run.spec.job_id)]
    assert [event.detected_by for event in interrupted] == ["heartbeat"]
    assert "no heartbeat was answered for 3 s" in interrupted[0].reason
