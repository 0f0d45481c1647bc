"""What Prometheus is told of streams and durables is what the broker holds."""

import asyncio
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from chassis.messaging import topology
from chassis.messaging.connection import NatsConnection
from chassis.messaging.stream_figures import StreamCollector, tell_figures
from contracts.streams import CONSUMERS, STREAMS
from stack.parts import NatsPart, free_port
from tests.chassis.messaging.pipe import eventually, job_event, raw_jetstream


@pytest.fixture
async def connection(nats_server: NatsPart):
    js = await raw_jetstream(nats_server.url)
    await topology.apply(js, STREAMS, CONSUMERS)
    event = job_event()
    await js.publish(event.subject, event.to_bytes())
    await js._nc.close()
    made = NatsConnection(nats_server.url, name="figures", inbox_prefix="_INBOX_figures")
    await made.start()
    yield made
    await made.stop()


async def test_every_stream_and_every_durable_is_told(connection: NatsConnection) -> None:
    registry, collector = CollectorRegistry(), StreamCollector(connection)
    registry.register(collector)
    await collector.measure()
    told = {(sample.name, sample.labels.get("durable") or sample.labels.get("stream"))
            for family in registry.collect() for sample in family.samples}
    assert {("brightrun_stream_bytes", spec.name) for spec in STREAMS} <= told
    assert {("brightrun_consumer_pending_messages", spec.durable) for spec in CONSUMERS} <= told
    assert registry.get_sample_value("brightrun_stream_messages", {"stream": "JOBS"}) == 1
    collector.forget()
    assert registry.get_sample_value("brightrun_stream_messages", {"stream": "JOBS"}) is None


async def test_the_keeper_of_the_topology_serves_them(connection: NatsConnection, monkeypatch) -> None:
    port = free_port()
    monkeypatch.setenv("BRIGHTRUN_HTTP_PORT", str(port))
    telling = asyncio.create_task(tell_figures(connection))

    async def served() -> bool:
        try:
            text = await asyncio.to_thread(_read, f"http://127.0.0.1:{port}/metrics")
        except OSError:
            return False
        return 'brightrun_stream_messages{stream="JOBS"} 1.0' in text

    await eventually(served)
    telling.cancel()


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own http:// address
        return answer.read().decode()
