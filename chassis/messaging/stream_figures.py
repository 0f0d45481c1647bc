"""What Prometheus is told of streams and durable consumers. NATS has no endpoint of its own for it, and its exporters
do not see accounts of operator mode; the keeper of the topology asks JetStream and tells.

Read: BRIGHTRUN_HTTP_HOST and BRIGHTRUN_HTTP_PORT (where /metrics is served; no port: nowhere),
BRIGHTRUN_WATCH_CERTIFICATES (`host:port`, `postgresql://host:port`, `nats://host:port`, comma-separated: the end of the
certificate shown there is told, too).
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from nats.js.api import ConsumerInfo, StreamInfo
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis.messaging.connection import NatsConnection
from chassis.observability.certificates import CertificateCollector, watched_addresses
from contracts.streams import CONSUMERS, STREAMS, ConsumerSpec, StreamSpec

_log = structlog.get_logger(__name__)

_INTERVAL_S = 5.0

_STREAM: Mapping[str, tuple[str, Callable[[StreamInfo], float]]] = {
    "brightrun_stream_messages": ("Messages in the stream", lambda info: info.state.messages),
    "brightrun_stream_bytes": ("Size of the stream", lambda info: info.state.bytes),
    "brightrun_stream_limit_bytes": ("Size that the stream may have", lambda info: info.config.max_bytes or 0),
}
_CONSUMER: Mapping[str, tuple[str, Callable[[ConsumerInfo], float]]] = {
    "brightrun_consumer_pending_messages": (
        "Messages that wait for the durable and were not delivered yet", lambda info: info.num_pending or 0),
    "brightrun_consumer_ack_pending_messages": (
        "Messages that were delivered and not acknowledged yet", lambda info: info.num_ack_pending or 0),
    "brightrun_consumer_redelivered_messages": (
        "Messages in hand that were delivered more than once", lambda info: info.num_redelivered or 0),
    "brightrun_consumer_waiting_pulls": (
        "Requests for messages that stand open: 0 means that nobody takes from the durable",
        lambda info: info.num_waiting or 0),
}


class StreamCollector(Collector):
    """The figures as `measure` last read them; nothing while the broker is away."""

    def __init__(
        self, connection: NatsConnection, streams: Sequence[StreamSpec] = STREAMS,
        consumers: Sequence[ConsumerSpec] = CONSUMERS,
    ) -> None:
        self._connection, self._streams, self._specs = connection, streams, consumers
        self._infos: list[StreamInfo] = []
        self._consumers: list[tuple[ConsumerSpec, ConsumerInfo]] = []
        self._round_trip_s: float | None = None

    async def measure(self) -> None:
        """Raises what the client raises."""
        jetstream = self._connection.jetstream
        began = time.perf_counter()
        await self._connection.client.flush(timeout=5)
        self._round_trip_s = time.perf_counter() - began
        names = {spec.name for spec in self._streams}
        self._infos = [info for info in await jetstream.streams_info() if info.config.name in names]
        found = {(info.stream_name, info.name): info
                 for stream in self._infos for info in await jetstream.consumers_info(str(stream.config.name))}
        self._consumers = [(spec, found[spec.stream, spec.durable]) for spec in self._specs
                           if (spec.stream, spec.durable) in found]

    def forget(self) -> None:
        self._infos, self._consumers, self._round_trip_s = [], [], None

    def collect(self) -> Iterator[Metric]:
        for name, (text, value) in _STREAM.items():
            family = GaugeMetricFamily(name, text, labels=["stream"])
            for stream in self._infos:
                family.add_metric([str(stream.config.name)], value(stream))
            yield family
        for name, (text, figure) in _CONSUMER.items():
            family = GaugeMetricFamily(name, text, labels=["stream", "durable", "consumer_service"])
            for spec, consumer in self._consumers:
                family.add_metric([spec.stream, spec.durable, spec.service], figure(consumer))
            yield family
        if self._round_trip_s is not None:
            yield GaugeMetricFamily(
                "brightrun_nats_round_trip_seconds", "A ping to the broker and back", value=self._round_trip_s)


async def tell_figures(connection: NatsConnection) -> None:
    """Serve /metrics and keep the figures fresh, for ever; nothing where no port is given."""
    port = int(os.environ.get("BRIGHTRUN_HTTP_PORT") or 0)
    if not port:
        return
    streams, registry = StreamCollector(connection), CollectorRegistry()
    certificates = CertificateCollector(watched_addresses())
    for collector in (streams, certificates, REGISTRY):
        registry.register(collector)
    start_http_server(port, os.environ.get("BRIGHTRUN_HTTP_HOST") or "127.0.0.1", registry)
    while True:
        await _measure(streams)
        await asyncio.to_thread(certificates.look_when_due)
        await asyncio.sleep(_INTERVAL_S)


async def _measure(streams: StreamCollector) -> None:
    try:
        await streams.measure()
    except Exception as error:
        streams.forget()
        _log.debug("figures_not_read", server="nats", error=repr(error))
