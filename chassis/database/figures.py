"""What Prometheus is told of PostgreSQL: this process's connections, and the server as this service's role sees it."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from chassis.database.engine import Database

_READ = text(
    "SELECT pg_database_size(datid) AS size_bytes, xact_commit, xact_rollback, blks_hit, blks_read, deadlocks, "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections, "
    "current_setting('max_connections')::int AS max_connections "
    "FROM pg_stat_database WHERE datname = current_database()"
)


class PoolCollector(Collector):
    """Connections of this process, counted at each scrape. `limit`: what each pool may open."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database, self._limit = database, limit

    def collect(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily(
            "brightrun_database_pool_connections", "Open connections of this process by pool and state",
            labels=["pool", "state"])
        limit = GaugeMetricFamily(
            "brightrun_database_pool_limit", "Connections that a pool may open", labels=["pool"])
        for name, (lent, idle) in self._database.pools().items():
            connections.add_metric([name, "in_use"], lent)
            connections.add_metric([name, "idle"], idle)
            limit.add_metric([name], self._limit)
        yield from (connections, limit)


class PostgresCollector(Collector):
    """The server's own figures, as `measure` last read them; nothing before the first time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._row: Mapping[str, Any] | None = None

    async def measure(self) -> None:
        """Raises DatabaseUnavailable; figures of a server that is away are not shown."""
        self._row = None
        async with self._database.read() as connection:
            self._row = dict((await connection.execute(_READ)).mappings().one())

    def collect(self) -> Iterator[Metric]:
        if (row := self._row) is None:
            return
        yield GaugeMetricFamily(
            "brightrun_postgres_database_size_bytes", "Size of this service's database", value=row["size_bytes"])
        yield GaugeMetricFamily(
            "brightrun_postgres_connections", "Client connections of the whole server", value=row["connections"])
        yield GaugeMetricFamily(
            "brightrun_postgres_connections_limit", "Connections that the server takes", value=row["max_connections"])
        yield CounterMetricFamily(
            "brightrun_postgres_deadlocks_total", "Deadlocks in this service's database", value=row["deadlocks"])
        yield _counter("brightrun_postgres_transactions_total", "Transactions of this service's database",
                       "outcome", {"committed": row["xact_commit"], "rolled_back": row["xact_rollback"]})
        yield _counter("brightrun_postgres_blocks_read_total", "Blocks read, by where they were found",
                       "source", {"cache": row["blks_hit"], "disk": row["blks_read"]})


def _counter(name: str, text: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
