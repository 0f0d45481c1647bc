"""When the next checkpoint is due: by steps and seconds, with growing pauses after failures."""

import time
from collections.abc import Callable

_LONGEST_PAUSE_S = 900.0


class SaveSchedule:
    """Every `steps` steps or `seconds` seconds, whichever is first; after the first step, to fail early; after the
    last. A try that failed counts as one: the next comes an interval later, after more failures later still."""

    def __init__(self, steps: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._seconds, self._now = steps, seconds, now
        self._last_step, self._last_time = 0, now()
        self._first = True
        self._failures, self._not_before = 0, 0.0
        self.wanted = False

    def resumed(self, step: int) -> None:
        self._last_step, self._first = step, False

    def due(self, step: int, total_steps: int) -> bool:
        if step == total_steps:
            return step > self._last_step
        if self.wanted:
            return True
        if self._now() < self._not_before:
            return False
        return (self._first or step - self._last_step >= self._steps
                or self._now() - self._last_time >= self._seconds)

    def tried(self, step: int) -> None:
        self._last_step, self._last_time, self._first, self.wanted = step, self._now(), False, False

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> float:
        """The pause until the next try may come, in seconds."""
        pause = min(_LONGEST_PAUSE_S, self._seconds * 2 ** min(self._failures, 16))
        self._failures, self._not_before = self._failures + 1, self._now() + pause
        return pause
