"""Tasks that run as long as the service does: restarted with growing pauses when they raise, and never silently."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from chassis.cancellation import cancel_and_wait
from chassis.clock import Clock
from chassis.health import OK, CheckResult

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_HEALTHY_AFTER_S = 60.0  # a run this long counts as recovered
_UNREADY_AFTER = 3  # failures in a row
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class BackgroundTask:
    name: str
    run: Callable[[], Awaitable[None]]
    state: Literal["waiting", "running", "finished"] = "waiting"
    failures: int = 0
    last_error: str = ""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class BackgroundTasks:
    """A task that returns is finished; one that raises is started again after 0.5 s, 1 s, ... 30 s."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, BackgroundTask] = {}
        self._started = False

    def add(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        if name in self._tasks:
            raise ValueError(f"there is already a background task '{name}'")
        self._tasks[name] = BackgroundTask(name, run)
        if self._started:
            self._launch(self._tasks[name])

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
        failing = [task for task in self._tasks.values() if task.failures >= _UNREADY_AFTER]
        if not failing:
            return OK
        words = ", ".join(f"{task.name} failed {task.failures} times ({task.last_error})" for task in failing)
        return CheckResult("failed", words, len(failing))

    def _launch(self, task: BackgroundTask) -> None:
        task.task = asyncio.create_task(self._keep_running(task), name=f"background:{task.name}")

    async def _keep_running(self, task: BackgroundTask) -> None:
        while True:
            began = self._clock.monotonic()
            task.state = "running"
            try:
                await task.run()
                task.state, task.failures = "finished", 0
                return
            except Exception as error:
                if self._clock.monotonic() - began >= _HEALTHY_AFTER_S:
                    task.failures = 0
                task.failures += 1
                task.last_error = f"{type(error).__name__}: {error}"[:200]
                pause = backoff_s(task.failures)
                log.exception("background_task_failed", task=task.name, failures=task.failures, again_in_s=pause)
                task.state = "waiting"
                await self._clock.sleep(pause)


def backoff_s(failures: int) -> float:
    """0.5, 1, 2 ... 30 seconds, shortened at random by up to a quarter so that replicas do not move in step."""
    pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (failures - 1))
    return round(pause * random.uniform(0.75, 1), 3)
