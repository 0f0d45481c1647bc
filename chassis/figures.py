"""What every service tells Prometheus of itself and of the servers that it uses."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import structlog
from prometheus_client import CollectorRegistry

from chassis.database.engine import Database
from chassis.database.figures import PoolCollector, PostgresCollector
from chassis.observability.health import Health, HealthCollector
from chassis.observability.metrics import DiskCollector
from chassis.settings import ServiceSettings
from chassis.valkey import ValkeyCollector

if TYPE_CHECKING:
    from redis.asyncio import Redis


log = structlog.get_logger(__name__)


class Periodic(Protocol):
    def __call__(self, name: str, interval_s: float, run: Callable[[], Awaitable[object]]) -> None: ...


def register(
    registry: CollectorRegistry, settings: ServiceSettings, health: Health, database: Database,
    redis: "Redis | None", periodic: Periodic,
) -> None:
    """Pools, disk and health are read at each scrape, servers every `figures_interval_s`."""
    postgres = PostgresCollector(database)
    limit = settings.database_pool_size + settings.database_pool_overflow
    for collector in (DiskCollector(settings.data_dir), HealthCollector(health), PoolCollector(database, limit)):
        registry.register(collector)
    registry.register(postgres)
    periodic("postgres figures", settings.figures_interval_s, tolerant("postgres", postgres.measure))
    if redis is not None:
        valkey = ValkeyCollector(redis)
        registry.register(valkey)
        periodic("valkey figures", settings.figures_interval_s, tolerant("valkey", valkey.measure))


def tolerant(server: str, measure: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """A server that is away has no figures; that it is away, health says."""

    async def measured() -> None:
        try:
            await measure()
        except Exception as error:
            log.debug("figures_not_read", server=server, error=repr(error))

    return measured
