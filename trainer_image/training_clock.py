"""How long steps take: from log to log, without what is not training."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TrainingClock:
    """A GPU works beside the program, which only queues: the end of a step's Python code says nothing. A log reads
    the loss and so waits for the work to be done, hence seconds count from one log to the next, less the time under
    `paused` (evaluations, snapshots)."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None
        self._paused = 0.0

    def start(self) -> None:
        """At the first step; a clock that runs goes on."""
        if self._since is None:
            self._since, self._paused = self._now(), 0.0

    def lap(self) -> float:
        """Seconds of training since the last lap, or since the start."""
        now = self._now()
        since = now if self._since is None else self._since
        seconds, self._since, self._paused = now - since - self._paused, now, 0.0
        return max(seconds, 1e-9)

    @contextmanager
    def paused(self) -> Iterator[None]:
        began = self._now()
        try:
            yield
        finally:
            self._paused += self._now() - began
