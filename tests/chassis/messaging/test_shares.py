"""A job that floods a stream removes nothing of another job's, on a real server with all limits scaled down."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from nats.js import JetStreamContext

from chassis.messaging import topology
from contracts.identifiers import uuid7
from contracts.pod_subjects import pod_subjects
from contracts.streams import STREAMS, StreamSpec, stream_of
from stack.parts import NatsPart
from tests.chassis.messaging.pipe import raw_jetstream

_SIZE, _COUNT = 16 * 1024, 32


def scaled(spec: StreamSpec) -> StreamSpec:
    """Messages and counts are smaller; one subject's share of the stream is the same."""
    size, count = min(spec.max_msg_size, _SIZE), min(spec.max_msgs_per_subject, _COUNT)
    share = spec.max_msg_size * spec.max_msgs_per_subject / spec.max_bytes
    return replace(spec, max_msg_size=size, max_msgs_per_subject=count, max_bytes=round(size * count / share))


@pytest_asyncio.fixture
async def js(nats: NatsPart) -> AsyncIterator[JetStreamContext]:
    js = await raw_jetstream(nats.url)
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name)
    yield js
    await js._nc.close()


@pytest.mark.parametrize("name", ["PODS", "TRAINING", "EVALUATIONS", "METRICS", "LOGS"])
async def test_a_flood_of_one_job_removes_nothing_of_another(js: JetStreamContext, name: str) -> None:
    spec = scaled(next(spec for spec in STREAMS if spec.name == name))
    await topology.apply(js, [spec], [])
    quiet, loud = ([s for s in pod_subjects(uuid7()) if stream_of(s) == name] for _ in range(2))
    for subject in quiet:
        await js.publish(subject, b"waits")
    largest = b"x" * spec.max_msg_size
    messages = 2 * spec.max_bytes // spec.max_msg_size
    for start in range(0, messages, 64):
        await asyncio.gather(*(js.publish(loud[n % len(loud)], largest, timeout=30)
                               for n in range(start, min(start + 64, messages))))
    for subject in quiet:
        assert (await js.get_last_msg(name, subject)).data == b"waits"
    info = await js.stream_info(name, subjects_filter=">")
    assert info.state.messages == len(quiet) + len(loud) * spec.max_msgs_per_subject
