"""Work that goes on beside requests and messages: started again when it fails, and never failing silently."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal

import structlog

from chassis.backoff import doubling_s
from chassis.cancellation import cancel_and_wait
from chassis.clock import Clock
from chassis.database.listen import PgListener
from chassis.database.scope import every_workspace
from chassis.observability.health import OK, CheckResult
from chassis.observability.metrics import BACKGROUND_FAILURES

_HEALTHY_AFTER_S = 60.0  # a run this long counts as recovered
_UNWELL_AFTER = 3  # failures in a row
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class BackgroundTask:
    """`interval_s` None: `run` goes on for ever by itself."""

    name: str
    run: Callable[[], Awaitable[object]]
    interval_s: float | None = None
    listener: PgListener | None = None
    state: Literal["waiting", "running", "finished"] = "waiting"
    failures: int = 0
    last_error: str = ""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class BackgroundTasks:
    """What raises is run again after 0.5 s, 1 s, ... 30 s; readers of health see it after three failures in a row.

    Nobody asked for it in the name of a workspace: it runs in `every_workspace()`, unless it narrows that itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, BackgroundTask] = {}
        self._started = False

    def add(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Something that runs for ever; one that returns is finished."""
        self._add(BackgroundTask(name, run))

    def add_periodic(
        self, name: str, interval_s: float, run: Callable[[], Awaitable[object]], listener: PgListener | None = None
    ) -> None:
        """Now and then every `interval_s` seconds, sooner when the listener is woken. The listener lives as long."""
        self._add(BackgroundTask(name, run, interval_s, listener))

    def start(self) -> None:
        self._started = True
        for task in self._tasks.values():
            self._launch(task)

    async def stop(self) -> None:
        """Cancels all and waits until they have cleaned up."""
        self._started = False
        running = [task.task for task in self._tasks.values() if task.task is not None]
        await cancel_and_wait(*running)

    async def check(self) -> CheckResult:
        failing = [task for task in self._tasks.values() if task.failures >= _UNWELL_AFTER]
        if not failing:
            return OK
        words = ", ".join(f"{task.name} failed {task.failures} times ({task.last_error})" for task in failing)
        return CheckResult("failed", words, len(failing))

    def _add(self, task: BackgroundTask) -> None:
        if task.name in self._tasks:
            raise ValueError(f"there is already a background task '{task.name}'")
        self._tasks[task.name] = task
        BACKGROUND_FAILURES.labels(task.name)
        if self._started:
            self._launch(task)

    def _launch(self, task: BackgroundTask) -> None:
        task.task = asyncio.create_task(self._live(task), name=f"background:{task.name}")

    async def _live(self, task: BackgroundTask) -> None:
        async with task.listener or nullcontext():
            with every_workspace():
                await self._keep_running(task)

    async def _keep_running(self, task: BackgroundTask) -> None:
        while task.state != "finished":
            began = self._clock.monotonic()
            task.state = "running"
            try:
                await task.run()
                task.failures, task.state = 0, "waiting" if task.interval_s is not None else "finished"
                pause = task.interval_s or 0.0
            except Exception as error:
                if self._clock.monotonic() - began >= _HEALTHY_AFTER_S:
                    task.failures = 0
                pause = self._failed(task, error)
            await self._rest(task, pause)

    def _failed(self, task: BackgroundTask, error: Exception) -> float:
        task.failures += 1
        task.last_error = f"{type(error).__name__}: {error}"[:200]
        task.state = "waiting"
        BACKGROUND_FAILURES.labels(task.name).inc()
        pause = backoff_s(task.failures)
        # One line while it fails; the first one with its trace.
        trace = error if task.failures == 1 else None
        log.warning("background_task_failed", task=task.name, failures=task.failures, again_in_s=pause,
                    error=task.last_error, exc_info=trace)
        return pause

    async def _rest(self, task: BackgroundTask, pause_s: float) -> None:
        if task.listener is not None and not task.failures:
            await task.listener.wait(pause_s)
        elif task.state != "finished":
            await self._clock.sleep(pause_s)


def backoff_s(failures: int) -> float:
    """0.5, 1, 2 ... 30 seconds, shortened at random by up to a quarter so that replicas do not move in step."""
    return round(doubling_s(failures) * random.uniform(0.75, 1), 3)
