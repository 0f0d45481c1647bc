"""The product's tables on a real server: applied, compared, changed, refused."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.messaging import topology
from chassis.messaging.topology import Drift, TopologyError
from contracts.streams import CONSUMERS, STREAMS
from stack.parts import NatsPart
from tests.chassis.messaging.pipe import eventually, raw_jetstream

ROOT = Path(__file__).parents[3]


async def test_the_products_tables_apply_and_leave_nothing_to_do(nats_server: NatsPart) -> None:
    js = await raw_jetstream(nats_server.url)
    first = await topology.apply(js, STREAMS, CONSUMERS)
    assert len(first) == len(STREAMS) + len(CONSUMERS)
    assert await topology.apply(js, STREAMS, CONSUMERS) == []
    await js._nc.close()


async def test_changes_are_applied_in_place_and_keep_the_messages(nats_server: NatsPart) -> None:
    js = await raw_jetstream(nats_server.url)
    await topology.apply(js, STREAMS, CONSUMERS)
    await js.publish("job.deleted.x", b"kept")
    streams = [replace(STREAMS[0], max_age_s=3600, duplicate_window_s=60)]
    consumers = [replace(spec, ack_wait_s=77.0) for spec in CONSUMERS if spec.stream == STREAMS[0].name]
    changed = await topology.apply(js, streams, consumers)
    assert {(item.name, item.field) for item in changed} == {
        (STREAMS[0].name, "max_age"), (STREAMS[0].name, "duplicate_window"),
        *((spec.durable, "ack_wait") for spec in consumers),
    }
    assert await topology.drift(js, streams, consumers) == []
    assert (await js.stream_info(STREAMS[0].name)).state.messages == 1
    await js._nc.close()


async def test_what_the_server_cannot_change_is_refused_with_the_way_out(nats_server: NatsPart) -> None:
    js = await raw_jetstream(nats_server.url)
    spec = CONSUMERS[0]
    await topology.apply(js, STREAMS, [spec])
    with pytest.raises(TopologyError, match="deliver_policy is 'all', should be 'new'"):
        await topology.apply(js, STREAMS, [replace(spec, deliver_policy="new")])
    await js._nc.close()


def test_a_missing_thing_is_said_plainly() -> None:
    assert str(Drift("stream", "JOBS")) == "stream JOBS is missing"


async def test_the_command_watches_and_repairs_a_wiped_store(nats_server: NatsPart) -> None:
    environment = {**os.environ, "BRIGHTRUN_NATS_URL": nats_server.url}
    watcher = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chassis.topology", "--watch", cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await eventually(lambda: _complete(nats_server.url))
        await asyncio.to_thread(nats_server.kill)
        nats_server.wipe()
        await asyncio.to_thread(nats_server.start)
        await eventually(lambda: _complete(nats_server.url))
    finally:
        watcher.send_signal(signal.SIGTERM)
        await watcher.wait()


async def _complete(url: str) -> bool:
    js = await raw_jetstream(url)
    try:
        return await topology.drift(js, STREAMS, CONSUMERS) == []
    finally:
        await js._nc.close()
