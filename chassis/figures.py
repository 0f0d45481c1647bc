"""What every service tells Prometheus of the servers that it uses."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry

from chassis.database.engine import Database
from chassis.database.figures import PoolCollector, PostgresCollector
from chassis.settings import ServiceSettings
from chassis.valkey import ValkeyCollector

if TYPE_CHECKING:
    from redis.asyncio import Redis


log = structlog.get_logger(__name__)


Measure = Callable[[], Awaitable[None]]


def register(
    registry: CollectorRegistry, settings: ServiceSettings, database: Database, redis: "Redis | None",
) -> Measure:
    """Pools are read at each scrape; the servers' figures by what this returns."""
    postgres = PostgresCollector(database)
    measures = {"postgres": postgres.measure}
    limit = settings.database_pool_size + settings.database_pool_overflow
    pools = PoolCollector(database, limit)
    for collector in (pools, postgres):
        registry.register(collector)
    if redis is not None:
        valkey = ValkeyCollector(redis)
        registry.register(valkey)
        measures["valkey"] = valkey.measure
    return lambda: _measure(measures)


async def _measure(measures: Mapping[str, Measure]) -> None:
    """A server that is away has no figures; that it is away, health says."""
    for server, measure in measures.items():
        try:
            await measure()
        except Exception as error:
            log.debug("figures_not_read", server=server, error=repr(error))
