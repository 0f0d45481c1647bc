"""How long steps take: from log to log, without what is not training."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

_LAPS_REMEMBERED = 20


class TrainingClock:
    """A GPU works beside the program, which only queues: the end of a step's Python code says nothing. A log reads
    the loss and so waits for the work to be done, hence seconds count from one log to the next, less the time under
    `paused` (evaluations, snapshots)."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None
        self._paused = 0.0
        self._paused_since: float | None = None
        self._laps: deque[float] = deque(maxlen=_LAPS_REMEMBERED)
        self.laps = 0

    def start(self) -> None:
        """At the first step; a clock that runs goes on."""
        if self._since is None:
            self._since, self._paused = self._now(), 0.0

    def lap(self) -> float:
        """Seconds of training since the last lap, or since the start."""
        now = self._now()
        since = now if self._since is None else self._since
        seconds, self._since, self._paused = now - since - self._paused, now, 0.0
        self._laps.append(seconds)
        self.laps += 1
        return max(seconds, 1e-9)

    @property
    def usual_lap(self) -> float:
        """Median of the newest laps in seconds; 0 before the first."""
        laps = list(self._laps)
        return median(laps) if laps else 0.0

    @property
    def since_lap(self) -> float:
        """Seconds of training since the last lap; stands still while paused. From any thread."""
        until = self._paused_since or self._now()
        return max(0.0, until - (self._since or until) - self._paused)

    @property
    def is_paused(self) -> bool:
        return self._paused_since is not None

    @contextmanager
    def paused(self) -> Iterator[None]:
        began = self._paused_since = self._now()
        try:
            yield
        finally:
            self._paused += self._now() - began
            self._paused_since = None
