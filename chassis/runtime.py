"""The composition of a service: to that of every process (`chassis.web_runtime`) it adds database, bus and relay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData
from starlette.applications import Starlette

from chassis import checks, figures
from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.health_report import HealthReporter
from chassis.messaging.bus import Bus
from chassis.messaging.events import EventRouter
from chassis.messaging.relay import Relay
from chassis.messaging.requests import RequestRouter
from chassis.messaging.tls import nats_tls
from chassis.messaging.upkeep import PRUNE_INTERVAL_S, prune_messages
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from chassis.web.operations import operation_routes
from chassis.web.server import serve
from chassis.web_runtime import WebRuntime, mount_operations, operations_app
from contracts.rpc.health import HEALTH

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["ServiceRuntime", "mount_operations", "operations_app", "serve", "worker_app"]


class ServiceRuntime(WebRuntime):
    """A process with a database and a bus. `redis` and `objects` exist only when asked for. A table `outbox` in
    `metadata` brings the relay."""

    settings: ServiceSettings

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        metadata: MetaData,
        with_redis: bool = False,
        with_objects: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(settings, clock=clock)
        self.settings, self.metadata = settings, metadata
        self.database = Database(
            settings.database_url, tenant_url=settings.database_tenant_url, application_name=settings.service_name,
            pool_size=settings.database_pool_size, max_overflow=settings.database_pool_overflow,
            command_timeout_s=settings.database_command_timeout_s,
        )
        tls = nats_tls(settings.nats_url, settings.nats_tls_ca, settings.nats_tls_cert, settings.nats_tls_key)
        self.bus = Bus(settings, self.database, clock=self.clock, tls=tls)
        self._redis = _redis(settings.redis_url) if with_redis else None
        self._objects = ObjectStore(settings) if with_objects else None
        self._add_upkeep(publishes="outbox" in metadata.tables)
        measure = figures.register(self.registry, settings, self.database, self._redis)
        self.periodic("server figures", settings.figures_interval_s, measure)
        self._add_checks(publishes="outbox" in metadata.tables)
        self.health_report = HealthReporter(self.health, self.bus, self.database, publishes="outbox" in metadata.tables)
        if settings.service_name in HEALTH:
            self.bus.include(self.health_report.requests(settings.service_name))

    @property
    def redis(self) -> "Redis":
        if self._redis is None:
            raise RuntimeError("this service was built without with_redis=True")
        return self._redis

    @property
    def objects(self) -> ObjectStore:
        if self._objects is None:
            raise RuntimeError("this service was built without with_objects=True")
        return self._objects

    def include(self, *routers: EventRouter | RequestRouter, **context: Any) -> None:
        """Handle events and answer requests; handlers find settings, clock, database and `context` by FromContext."""
        self.bus.include(*routers, settings=self.settings, clock=self.clock, **context)

    def _add_upkeep(self, *, publishes: bool) -> None:
        if publishes:
            self.background("relay", Relay(self.database, self.bus).run)
        self.periodic("pruning", PRUNE_INTERVAL_S, lambda: prune_messages(
            self.database, with_outbox=publishes, outbox_days=self.settings.outbox_retention_days,
            inbox_days=self.settings.inbox_retention_days))

    def _add_checks(self, *, publishes: bool) -> None:
        """Ready means that requests can be answered. What else is wrong is shown, counted and alerted on: taking
        every replica out because one consumer paused would make it worse."""
        add = partial(self.health.add, critical=False)
        self.health.add("database", checks.database_check(self.database))
        add("nats", checks.bus_check(self.bus))
        add("consumers", checks.drift_check(self.bus))
        add("losses", checks.loss_check(self.bus))
        if publishes:
            add("outbox", checks.outbox_check(self.database))
        if self._redis is not None:
            add("redis", checks.redis_check(self._redis))
        if self._objects is not None:
            add("s3", checks.objects_check(self._objects))

    async def _connect(self) -> None:
        await self._until_it_works("database", self.database.ping)
        await self._until_it_works("nats", self.bus.start)

    async def _disconnect(self) -> None:
        await self.bus.stop()
        if self._redis is not None:
            await self._redis.aclose()
        await self.database.dispose()


def worker_app(runtime: ServiceRuntime) -> Starlette:
    """The ASGI app of a service without an API of its own."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with runtime.lifespan():
            yield

    app = Starlette(routes=operation_routes(runtime.health, runtime.registry), lifespan=lifespan)
    app.state.runtime = runtime
    return app


def _redis(url: str) -> "Redis":
    # Without limits a Redis that hangs would hang every request that asks it.
    from redis.asyncio import Redis  # 0.3 s of a start, which only those pay who use it

    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30)
