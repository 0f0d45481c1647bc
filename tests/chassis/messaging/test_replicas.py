"""Streams on as many servers as the installation says: applied, changed in place, and what a lost server costs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from chassis.messaging import topology
from chassis.messaging.drift import consumer_config
from chassis.messaging.replicas import replicated, stream_replicas
from contracts.streams import CONSUMERS, STREAMS
from stack.parts import NatsPart
from tests.chassis.messaging.pipe import eventually, raw_jetstream
from tests.fixtures.nats_cluster import NatsCluster

ROOT = Path(__file__).parents[3]
SUBJECT = "job.deleted.x"


@pytest.mark.parametrize(("wanted", "replicas"), [("", 1), ("1", 1), (" 3 ", 3), ("5", 5)])
def test_the_variable_says_how_many(wanted: str, replicas: int) -> None:
    assert stream_replicas({"BRIGHTRUN_STREAM_REPLICAS": wanted}) == replicas
    assert {spec.replicas for spec in replicated(STREAMS, replicas)} == {replicas}


@pytest.mark.parametrize("wanted", ["0", "2", "7", "three", "-1"])
def test_what_is_no_sensible_number_is_refused_with_what_is(wanted: str) -> None:
    with pytest.raises(ValueError, match="takes 1, 3 or 5"):
        stream_replicas({"BRIGHTRUN_STREAM_REPLICAS": wanted})


async def test_replicas_of_a_durable_alone_are_drift_and_are_taken_back(nats_server: NatsPart) -> None:
    """It would be lost with its one server, though its stream is not."""
    js = await raw_jetstream(nats_server.url)
    spec = CONSUMERS[0]
    await topology.apply(js, STREAMS, [spec])
    by_hand: ConsumerConfig = replace(consumer_config(spec), num_replicas=1)
    await js.add_consumer(spec.stream, by_hand)
    assert [(item.name, item.field) for item in await topology.apply(js, STREAMS, [spec])] == [
        (spec.durable, "num_replicas")]
    assert await topology.drift(js, STREAMS, [spec]) == []
    await js._nc.close()


@pytest.mark.slow
async def test_a_single_server_says_what_it_cannot(nats_server: NatsPart) -> None:
    code, said = await apply_by_command(nats_server.url, "3")
    assert (code, said.strip().splitlines()[-1]) == (
        1, "BRIGHTRUN_STREAM_REPLICAS: this NATS is a single server; set it to 1, or make a cluster")
    assert (await apply_by_command(nats_server.url, "1"))[0] == 0


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    made = NatsCluster(tmp_path)
    running = made.running()
    await asyncio.to_thread(running.__enter__)
    yield made
    await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.mark.slow
async def test_existing_streams_and_durables_are_spread_in_place(cluster: NatsCluster) -> None:
    js = await raw_jetstream(cluster.urls[0])
    code, said = await apply_by_command(cluster.urls[0], "1")
    assert code == 0, said
    await js.publish(SUBJECT, b"kept")
    code, said = await apply_by_command(cluster.urls[0], "3")
    assert code == 0, said
    assert said.count("num_replicas is 1, should be 3") == len(STREAMS)
    await eventually(lambda: _all_on_three(js))
    assert (await js.stream_info("JOBS")).state.messages == 1
    assert await topology.drift(js, replicated(STREAMS, 3), CONSUMERS) == []
    assert {item.field for item in await topology.drift(js, STREAMS, CONSUMERS)} == {"num_replicas"}
    await js._nc.close()


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_with_the_leader(cluster: NatsCluster) -> None:
    """kill -9 of whoever leads the stream, in the middle of what is published and taken; then of the next."""
    code, said = await apply_by_command(cluster.urls[0], "3")
    assert code == 0, said
    client = await nats.connect(cluster.urls, max_reconnect_attempts=-1, reconnect_time_wait=0.2)
    traffic = Traffic(client.jetstream(timeout=1))
    tasks = [asyncio.create_task(traffic.publish()), asyncio.create_task(traffic.take())]
    for _ in range(2):
        await traffic.more(200)
        leader = cluster.named(await leader_of(client.jetstream(timeout=2), "JOBS"))
        await asyncio.to_thread(leader.kill)
        await traffic.more(200)
        await asyncio.to_thread(leader.start)
        await asyncio.sleep(2)
    traffic.stopped = True
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    stored = (await client.jetstream(timeout=5).stream_info("JOBS")).state.messages
    assert len(traffic.acknowledged) > 800
    assert stored >= len(traffic.acknowledged)
    assert set(traffic.acknowledged) <= traffic.taken
    await client.close()


class Traffic:
    """Numbered messages, each published again until it was acknowledged; and a durable that takes them."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js, self.stopped = js, False
        self.acknowledged: list[int] = []
        self.taken: set[int] = set()

    async def publish(self) -> None:
        number = 0
        while not self.stopped:
            with suppress(NatsError, TimeoutError):
                await self._js.publish(SUBJECT, str(number).encode(), headers={"Nats-Msg-Id": f"m{number}"})
                self.acknowledged.append(number)
                number += 1

    async def take(self) -> None:
        subscription = await self._js.pull_subscribe_bind("metrics_ingest_jobs", "JOBS")
        while not (self.stopped and set(self.acknowledged) <= self.taken):
            with suppress(NatsError, TimeoutError):
                for message in await subscription.fetch(50, timeout=1):
                    self.taken.add(int(message.data))
                    await message.ack()

    async def more(self, count: int) -> None:
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(120):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.05)


async def leader_of(js: JetStreamContext, stream: str) -> str:
    cluster = (await js.stream_info(stream)).cluster
    assert cluster is not None
    assert cluster.leader is not None
    return cluster.leader


async def _all_on_three(js: JetStreamContext) -> bool:
    infos = [(await js.stream_info(spec.name)).cluster for spec in STREAMS]
    infos += [(await js.consumer_info(spec.stream, spec.durable)).cluster for spec in CONSUMERS]
    return all(info is not None and info.leader and len(info.replicas or ()) == 2 for info in infos)


async def apply_by_command(url: str, replicas: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chassis.topology", "--wait", "30", cwd=ROOT,
        env={**os.environ, "BRIGHTRUN_NATS_URL": url, "BRIGHTRUN_STREAM_REPLICAS": replicas},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


