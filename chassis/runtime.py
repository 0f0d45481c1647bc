"""The composition every process shares: settings, database, bus, relay, background tasks, health, metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData
from starlette.applications import Starlette

from chassis import checks, figures
from chassis.background import BackgroundTasks, backoff_s
from chassis.cancellation import cancel_and_wait
from chassis.clock import Clock, SystemClock
from chassis.database.engine import Database
from chassis.database.listen import PgListener
from chassis.health_report import HealthReporter
from chassis.messaging.bus import Bus
from chassis.messaging.events import EventRouter
from chassis.messaging.relay import Relay
from chassis.messaging.requests import RequestRouter
from chassis.messaging.tls import nats_tls
from chassis.messaging.upkeep import PRUNE_INTERVAL_S, prune_messages
from chassis.objects.store import ObjectStore
from chassis.observability import logs, tracing
from chassis.observability.health import Health
from chassis.settings import ServiceSettings
from chassis.web.operations import observe, operation_routes, probe_routes
from chassis.web.server import serve
from contracts.rpc.health import HEALTH

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["ServiceRuntime", "mount_operations", "operations_app", "serve", "worker_app"]

_WATCH_INTERVAL_S = 15.0
log = structlog.get_logger(__name__)


class ServiceRuntime:
    """Built by a service's `app.py` without touching the network; `lifespan()` starts and stops everything.

    `redis` and `objects` exist only when asked for. A table `outbox` in `metadata` brings the relay. Include routers,
    add background tasks and checks (`health.add`) before the lifespan begins.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        metadata: MetaData,
        with_redis: bool = False,
        with_objects: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.settings, self.metadata = settings, metadata
        self.clock: Clock = clock or SystemClock()
        self.registry = CollectorRegistry()
        self.health = Health(settings.service_name)
        self.stopping = asyncio.Event()
        self.database = Database(
            settings.database_url, tenant_url=settings.database_tenant_url, application_name=settings.service_name,
            pool_size=settings.database_pool_size, max_overflow=settings.database_pool_overflow,
            command_timeout_s=settings.database_command_timeout_s,
        )
        tls = nats_tls(settings.nats_url, settings.nats_tls_ca, settings.nats_tls_cert, settings.nats_tls_key)
        self.bus = Bus(settings, self.database, clock=self.clock, tls=tls)
        self._redis = _redis(settings.redis_url) if with_redis else None
        self._objects = ObjectStore(settings) if with_objects else None
        self._background = BackgroundTasks(SystemClock())
        self._last_actions: list[Callable[[], None]] = []
        self._add_upkeep(publishes="outbox" in metadata.tables)
        measure = figures.register(self.registry, settings, self.health, self.database, self._redis)
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

    def background(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Runs it while the service lives; started again with backoff when it raises, shown while it keeps failing."""
        self._background.add(name, run)

    def periodic(
        self, name: str, interval_s: float, run: Callable[[], Awaitable[object]], *, woken_by: PgListener | None = None
    ) -> None:
        """Runs it now and then every `interval_s` seconds, sooner when `woken_by` hears something."""
        self._background.add_periodic(name, interval_s, run, woken_by)

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
        add("background", self._background.check)
        if publishes:
            add("outbox", checks.outbox_check(self.database))
        if self._redis is not None:
            add("redis", checks.redis_check(self._redis))
        if self._objects is not None:
            add("s3", checks.objects_check(self._objects))
        # Checks set the gauges that alerts read, whether or not anybody asks for health.
        self.periodic("health", _WATCH_INTERVAL_S, self.health.ready)

    def at_the_end(self, action: Callable[[], None]) -> None:
        """Something short to do when everything has stopped."""
        self._last_actions.append(action)

    def begin_drain(self) -> None:
        """First step of a shutdown: readiness says no, and connections are closed with their answers."""
        self.health.draining = True

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Starts in order database, bus, background tasks; stops in reverse.

        What is not there yet is waited for with growing pauses. After `startup_wait_s` the service serves anyway -
        alive, not ready, saying what it waits for - instead of crashing in a loop.
        """
        logs.configure(self.settings.service_name, self.settings.log_level)
        tracing.configure(self.settings.service_name, self.settings.otlp_endpoint)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            starting = asyncio.create_task(self._start(), name="start")
            stack.push_async_callback(partial(cancel_and_wait, starting))
            await asyncio.wait([starting], timeout=self.settings.startup_wait_s)
            try:
                yield
            finally:
                self.begin_drain()
                self.stopping.set()

    async def _start(self) -> None:
        await self._until_it_works("database", self.database.ping)
        await self._until_it_works("nats", self.bus.start)
        self._background.start()
        self.health.started = True
        log.info("started")

    async def _until_it_works(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            self.health.waiting_for = name
            try:
                await step()
                return
            except Exception as error:
                failures += 1
                pause = min(backoff_s(failures), 5.0)
                log.warning("start_waits", waiting_for=name, error=repr(error), again_in_s=pause)
                await asyncio.sleep(pause)

    async def _close(self) -> None:
        await self._background.stop()
        await self.bus.stop()
        if self._redis is not None:
            await self._redis.aclose()
        await self.database.dispose()
        tracing.flush()
        for action in self._last_actions:
            action()
        log.info("stopped")


def mount_operations(app: FastAPI, runtime: ServiceRuntime) -> None:
    """/health/live and /health/ready, access log, HTTP metrics and trace ids for a FastAPI app with a public port."""
    app.state.runtime = runtime
    app.router.routes.extend(probe_routes(runtime.health))
    runtime.at_the_end(observe(app, runtime.health, runtime.registry).flush)


def operations_app(runtime: ServiceRuntime) -> Starlette:
    """For the operators' port of a service whose main port is public: health in detail, and metrics."""
    return Starlette(routes=operation_routes(runtime.health, runtime.registry))


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
