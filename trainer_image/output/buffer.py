"""Lines that wait to be told: limited in rate and size, so that no output can hurt anybody, and what is lost is
counted in a line of its own."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable

from contracts.events.log import MOST_LINES_OF_A_REPORT, LogLevel, LogLine

# A line costs one and another for every 500 characters. A step of a training prints one line.
RATE, BURST, _CHARACTERS = 20.0, 2_000.0, 500
# Once the burst is used up, lines are told in runs of so many, with one note between them instead of one each.
_RUN = 100
# The newest of those that are too many: the last words of a chatty process that ends are told.
_NEWEST_KEPT = 100
_MOST_WAITING = 4 * 1024**2
_MOST_OF_A_BATCH = 40 * 1024
_OVERHEAD = 64


class LineBuffer:
    """Any thread may add, one takes. Neither waits for the other."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._held: deque[LogLine] = deque()
        self._waiting: deque[LogLine] = deque()
        self._waiting_bytes = 0
        self._credit, self._credited_at, self._dry = BURST, now(), False
        self._too_many, self._too_old = 0, 0
        self.closed = threading.Event()

    def add(self, at: float, level: LogLevel, text: str) -> None:
        with self._lock:
            self._held.append(LogLine(time=at, level=level, text=text))
            self._let_through()
            while len(self._held) > _NEWEST_KEPT:
                self._held.popleft()
                self._too_many += 1

    def close(self) -> None:
        """No more will come: what was held back goes too."""
        with self._lock:
            while self._held:
                self._admit(self._held.popleft())
            self._note_too_many(time.time())
        self.closed.set()

    def take(self) -> list[LogLine]:
        """The oldest lines, as many as one report holds; they are the caller's now."""
        with self._lock:
            self._let_through()
            taken, size = self._too_old_note(), 0
            while self._waiting and len(taken) < MOST_LINES_OF_A_REPORT:
                cost = _size(self._waiting[0])
                if taken and size + cost > _MOST_OF_A_BATCH:
                    break
                taken.append(self._waiting.popleft())
                self._waiting_bytes -= cost
                size += cost
            return taken

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _let_through(self) -> None:
        now = self._now()
        self._credit = min(BURST, self._credit + (now - self._credited_at) * RATE)
        self._credited_at = now
        self._dry = self._dry and self._credit < _RUN
        while self._held and not self._dry:
            line = self._held.popleft()
            self._credit -= 1 + len(line.text) / _CHARACTERS
            self._dry = self._credit < 1
            self._admit(line)

    def _admit(self, line: LogLine) -> None:
        self._note_too_many(line.time)
        self._push(line)

    def _note_too_many(self, at: float) -> None:
        if self._too_many:
            self._push(_note(at, f"{self._too_many:,} lines left out: more than {RATE:.0f} a second"))
            self._too_many = 0

    def _push(self, line: LogLine) -> None:
        self._waiting.append(line)
        self._waiting_bytes += _size(line)
        while self._waiting_bytes > _MOST_WAITING:
            self._waiting_bytes -= _size(self._waiting.popleft())
            self._too_old += 1

    def _too_old_note(self) -> list[LogLine]:
        lost, self._too_old = self._too_old, 0
        return [_note(time.time(), f"{lost:,} lines left out: the broker was away for too long")] if lost else []


def _note(at: float, text: str) -> LogLine:
    return LogLine(time=at, level=LogLevel.WARNING, text=text)


def _size(line: LogLine) -> int:
    return len(json.dumps(line.text, ensure_ascii=False).encode()) + _OVERHEAD
