"""The composition every process shares: settings, database, bus, relay, background tasks, health, metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData
from starlette.applications import Starlette

from chassis import checks, logs, tracing
from chassis.background import BackgroundTasks, backoff_s
from chassis.bus import Bus
from chassis.cancellation import cancel_and_wait
from chassis.clock import Clock, SystemClock
from chassis.database import Database
from chassis.health import Health
from chassis.idempotency.claims import Claims
from chassis.object_store import ObjectStore
from chassis.operations import observe, operation_routes
from chassis.reconciler import PRUNE_INTERVAL_S, every, prune_messages
from chassis.relay import Relay
from chassis.server import serve
from chassis.settings import ServiceSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["ServiceRuntime", "mount_operations", "serve", "worker_app"]

_PURGE_INTERVAL_S = 600.0
log = structlog.get_logger(__name__)


class ServiceRuntime:
    """Built by a service's `app.py` without touching the network; `lifespan()` starts and stops everything.

    `redis` and `objects` exist only when asked for. The tables in `metadata` decide what runs beside the service:
    `outbox` brings the relay and pruning, `idempotency_keys` their purge. Add consumers, RPC handlers, background
    tasks and checks (`health.add`) before the lifespan begins.
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
        self.database = Database(settings.database_url, application_name=settings.service_name)
        self.bus = Bus(settings, self.database)
        self._redis = _redis(settings.redis_url) if with_redis else None
        self._objects = ObjectStore(settings) if with_objects else None
        self._background = BackgroundTasks(SystemClock())
        self._add_upkeep(set(metadata.tables))
        self._add_checks(set(metadata.tables))

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

    def background(self, name: str, coroutine_function: Callable[[], Awaitable[None]]) -> None:
        """Runs it while the service lives; restarted with backoff when it raises, unready while it keeps failing."""
        self._background.add(name, coroutine_function)

    def _add_upkeep(self, tables: set[str]) -> None:
        if "outbox" in tables:
            self.background("relay", Relay(self.database, self.bus).run)
            self.background("pruning", lambda: every(PRUNE_INTERVAL_S, lambda: prune_messages(self.database)))
        if "idempotency_keys" in tables:
            claims = Claims(self.database, self.metadata.tables["idempotency_keys"])
            self.background("idempotency-purge", lambda: every(_PURGE_INTERVAL_S, claims.purge))

    def _add_checks(self, tables: set[str]) -> None:
        add = self.health.add
        add("database", checks.database_check(self.database))
        add("nats", checks.bus_check(self.bus))
        add("consumers", checks.drift_check(self.bus))
        if "outbox" in tables:
            add("outbox", checks.outbox_check(self.database))
        add("background", self._background.check)
        # Without them a service is slower or refuses single requests; taking every replica out would be worse.
        if self._redis is not None:
            add("redis", checks.redis_check(self._redis), critical=False)
        if self._objects is not None:
            add("s3", checks.objects_check(self._objects), critical=False)

    def begin_drain(self) -> None:
        """First step of a shutdown: readiness says no, and open streams (`stopping`) end."""
        self.health.draining = True
        self.stopping.set()

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
        log.info("stopped")


def mount_operations(app: FastAPI, runtime: ServiceRuntime) -> None:
    """/health/live, /health/ready and /metrics, access log, HTTP metrics and traces for a FastAPI app."""
    app.state.runtime = runtime
    app.router.routes.extend(operation_routes(runtime.health, runtime.registry))
    observe(app, runtime.registry)


def worker_app(runtime: ServiceRuntime) -> Starlette:
    """The ASGI app of a service without an API of its own."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with runtime.lifespan():
            yield

    app = Starlette(routes=operation_routes(runtime.health, runtime.registry), lifespan=lifespan)
    app.state.runtime = runtime
    observe(app, runtime.registry)
    return app


def _redis(url: str) -> "Redis":
    # Without limits a Redis that hangs would hang every request that asks it.
    from redis.asyncio import Redis  # 0.3 s of a start, which only those pay who use it

    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30)
