"""When the next checkpoint is due: by steps and seconds, with growing pauses after failures."""

import time
from collections.abc import Callable

_LONGEST_PAUSE_S = 900.0
# What a machine that vanishes may cost at the 95th percentile. A checkpoint counts once it is stored, so the work at
# risk is between the time to store one and that time plus the interval.
_LOST_WORK_S = 90.0


class SaveSchedule:
    """Every `steps` steps or `seconds` seconds, whichever is first; after the first step, to fail early; after the
    last. Seconds are fewer where storing takes long, and a step that would end beyond them is not waited for. A try
    that failed counts as one: the next comes an interval later, after more failures later still."""

    def __init__(self, steps: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._seconds, self._now = steps, seconds, now
        self._last_step, self._last_time = 0, now()
        self._first = True
        self._seen, self._step_s, self._storing_s = (0, now()), 0.0, 0.0
        self._failures, self._not_before = 0, 0.0
        self.wanted = False

    def resumed(self, step: int) -> None:
        self._last_step, self._first, self._seen = step, False, (step, self._now())

    def due(self, step: int, total_steps: int) -> bool:
        self._measure(step)
        if step == total_steps:
            return step > self._last_step
        if self.wanted:
            return True
        if self._now() < self._not_before:
            return False
        return self._first or step - self._last_step >= self._steps or self._time_is_over()

    def _measure(self, step: int) -> None:
        """Seconds of the latest steps; not every step is asked for."""
        last_step, last_time = self._seen
        if step > last_step:
            self._step_s = (self._now() - last_time) / (step - last_step)
            self._seen = step, self._now()

    def _time_is_over(self) -> bool:
        interval = min(self._seconds, max(0.0, _LOST_WORK_S - self._storing_s))
        elapsed = self._now() - self._last_time
        return elapsed >= interval or elapsed + self._step_s > interval

    def tried(self, step: int) -> None:
        self._last_step, self._last_time, self._first, self.wanted = step, self._now(), False, False

    def succeeded(self) -> None:
        """The one that was tried last is stored."""
        self._failures, self._storing_s = 0, self._now() - self._last_time

    def failed(self) -> float:
        """The pause until the next try may come, in seconds."""
        pause = min(_LONGEST_PAUSE_S, self._seconds * 2 ** min(self._failures, 16))
        self._failures, self._not_before = self._failures + 1, self._now() + pause
        return pause
