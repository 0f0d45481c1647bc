"""Since when this process could have heard a heartbeat: silence counts only from then."""

from collections.abc import Callable
from datetime import datetime

from chassis.clock import Clock


class Hearing:
    """A listener that was itself away (just started, broker or database unreachable, suspended) accuses nobody."""

    def __init__(self, clock: Clock, is_connected: Callable[[], bool], *, longest_gap_s: float = 5.0) -> None:
        self._clock, self._is_connected, self._longest_gap_s = clock, is_connected, longest_gap_s
        self._since, self._checked = clock.now(), clock.monotonic()

    def since(self) -> datetime:
        """To be asked again and again: a pause between two questions is a gap in hearing."""
        now = self._clock.monotonic()
        if not self._is_connected() or now - self._checked > self._longest_gap_s:
            self._since = self._clock.now()
        self._checked = now
        return self._since
