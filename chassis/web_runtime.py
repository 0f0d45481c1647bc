"""The composition of a process with a port: health, metrics, logs, traces, background tasks, start and stop.

Enough for one that has neither database nor bus; `chassis.runtime` adds those.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from chassis.background import BackgroundTasks, backoff_s
from chassis.cancellation import cancel_and_wait
from chassis.clock import Clock, SystemClock
from chassis.observability import logs, tracing
from chassis.observability.health import Health, HealthCollector
from chassis.observability.metrics import DiskCollector
from chassis.settings import WebSettings
from chassis.web.operations import observe, operation_routes, probe_routes

if TYPE_CHECKING:
    from chassis.database.listen import PgListener

_WATCH_INTERVAL_S = 15.0
log = structlog.get_logger(__name__)


class WebRuntime:
    """Built by a service's `app.py` without touching the network; `lifespan()` starts and stops everything.

    Include routers, add background tasks and checks (`health.add`) before the lifespan begins.
    """

    def __init__(self, settings: WebSettings, *, clock: Clock | None = None) -> None:
        self.settings: WebSettings = settings
        self.clock: Clock = clock or SystemClock()
        self.registry = CollectorRegistry()
        self.health = Health(settings.service_name)
        self.stopping = asyncio.Event()
        self._background = BackgroundTasks(SystemClock())
        self._last_actions: list[Callable[[], None]] = []
        for collector in (DiskCollector(settings.data_dir), HealthCollector(self.health)):
            self.registry.register(collector)
        self.health.add("background", self._background.check, critical=False)
        # Checks set the gauges that alerts read, whether or not anybody asks for health.
        self.periodic("health", _WATCH_INTERVAL_S, self.health.ready)

    def background(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Runs it while the service lives; started again with backoff when it raises, shown while it keeps failing."""
        self._background.add(name, run)

    def periodic(
        self, name: str, interval_s: float, run: Callable[[], Awaitable[object]], *,
        woken_by: "PgListener | None" = None,
    ) -> None:
        """Runs it now and then every `interval_s` seconds, sooner when `woken_by` hears something."""
        self._background.add_periodic(name, interval_s, run, woken_by)

    def at_the_end(self, action: Callable[[], None]) -> None:
        """Something short to do when everything has stopped."""
        self._last_actions.append(action)

    def begin_drain(self) -> None:
        """First step of a shutdown: readiness says no, and connections are closed with their answers."""
        self.health.draining = True

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Connects, then starts the background tasks; stops in reverse.

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
        await self._connect()
        self._background.start()
        self.health.started = True
        log.info("started")

    async def _connect(self) -> None:
        """What must be there before the service is ready."""

    async def _disconnect(self) -> None:
        """The end of what `_connect` opened."""

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
        await self._disconnect()
        tracing.flush()
        for action in self._last_actions:
            action()
        log.info("stopped")


def mount_operations(app: FastAPI, runtime: WebRuntime) -> None:
    """/health/live and /health/ready, access log, HTTP metrics and trace ids for a FastAPI app with a public port."""
    app.state.runtime = runtime
    app.router.routes.extend(probe_routes(runtime.health))
    runtime.at_the_end(observe(app, runtime.health, runtime.registry).flush)


def operations_app(runtime: WebRuntime) -> Starlette:
    """For the operators' port of a service whose main port is public: health in detail, and metrics."""
    return Starlette(routes=operation_routes(runtime.health, runtime.registry))
