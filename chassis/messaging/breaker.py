"""When dead letters mean that one job floods a consumer, and when they mean that the consumer itself is broken."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from chassis.backoff import doubling_s

# A broken consumer refuses everybody's messages; what one or a few jobs send cannot stop it for the others.
JOBS_OF_A_BROKEN_CONSUMER = 5
_QUARANTINE_AFTER = 10  # dead letters of one job in a row
_QUARANTINE_S, _LONGEST_QUARANTINE_S = 60.0, 3600.0
_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 300.0
_JOBS_REMEMBERED = 10_000


@dataclass
class _Streak:
    """Dead letters of one job without a success in between."""

    length: int = 0
    quarantines: int = 0
    quarantined_until: float = float("-inf")


@dataclass
class DeadLetterBreaker:
    """Pure but for the clock. A consumer pauses for 5 s, 10 s, ... 5 min, then tries again by itself; a job is
    quarantined for 1 min, 2 min, ... 1 h."""

    limit: int
    monotonic: Callable[[], float] = time.monotonic
    _in_a_row: int = 0
    _jobs_in_a_row: set[str] = field(default_factory=set)
    _pauses: int = 0
    _paused_until: float = float("-inf")
    _streaks: OrderedDict[str, _Streak] = field(default_factory=OrderedDict)

    def succeeded(self, job: str) -> None:
        self._in_a_row = self._pauses = 0
        self._jobs_in_a_row.clear()
        self._paused_until = float("-inf")
        self._streaks.pop(job, None)

    def dead_lettered(self, job: str) -> None:
        self._lengthen(job)
        self._in_a_row += 1
        self._jobs_in_a_row.add(job)
        if self._in_a_row >= self.limit and len(self._jobs_in_a_row) >= min(self.limit, JOBS_OF_A_BROKEN_CONSUMER):
            self._pause()

    def is_quarantined(self, job: str) -> bool:
        streak = self._streaks.get(job)
        return streak is not None and self.monotonic() < streak.quarantined_until

    @property
    def quarantined(self) -> list[str]:
        return [job for job in self._streaks if self.is_quarantined(job)]

    @property
    def paused_for_s(self) -> float:
        """Seconds until the consumer tries again; 0 when it runs."""
        return max(0.0, self._paused_until - self.monotonic())

    @property
    def reason(self) -> str | None:
        """Why the consumer does not run, or runs on trial; None when all is well."""
        if not self._pauses:
            return None
        words = f"stopped after {self._in_a_row} dead letters in a row, of {len(self._jobs_in_a_row)} jobs"
        return f"{words}; tries again in {left:.0f} s" if (left := self.paused_for_s) else f"{words}; trying again"

    def _pause(self) -> None:
        if self.paused_for_s:
            return  # what was in hand when it stopped
        self._pauses += 1
        self._paused_until = self.monotonic() + doubling_s(self._pauses, _PAUSE_S, _LONGEST_PAUSE_S)


    def _lengthen(self, job: str) -> None:
        streak = self._streaks.pop(job, _Streak())
        streak.length += 1
        if streak.length >= _QUARANTINE_AFTER:
            streak.quarantines += 1
            streak.quarantined_until = self.monotonic() + doubling_s(
                streak.quarantines, _QUARANTINE_S, _LONGEST_QUARANTINE_S)
            streak.length = _QUARANTINE_AFTER - 1  # after the quarantine one more is enough
        self._streaks[job] = streak
        if len(self._streaks) > _JOBS_REMEMBERED:
            self._streaks.popitem(last=False)
