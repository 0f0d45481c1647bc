"""What Prometheus is told of Valkey."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from redis.asyncio import Redis


class ValkeyCollector(Collector):
    """The server's own figures, as `measure` last read them; nothing before the first time."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._info: Mapping[str, Any] | None = None

    async def measure(self) -> None:
        """Raises what the client raises; figures of a server that is away are not shown."""
        self._info = None
        self._info = await self._redis.info()

    def collect(self) -> Iterator[Metric]:
        if (info := self._info) is None:
            return
        lookups = CounterMetricFamily("brightrun_valkey_lookups_total", "Keys looked up", labels=["outcome"])
        lookups.add_metric(["hit"], info["keyspace_hits"])
        lookups.add_metric(["miss"], info["keyspace_misses"])
        yield lookups
        yield CounterMetricFamily(
            "brightrun_valkey_evicted_keys_total", "Keys that had to make place", value=info["evicted_keys"])
        yield GaugeMetricFamily("brightrun_valkey_memory_bytes", "Memory of the data", value=info["used_memory"])
        yield GaugeMetricFamily(
            "brightrun_valkey_memory_limit_bytes", "Memory that the data may take; 0: no limit",
            value=info["maxmemory"])
        yield GaugeMetricFamily(
            "brightrun_valkey_clients", "Connected clients", value=info["connected_clients"])
