"""A dead man's switch: the attempt may go on as long as somebody answers its heartbeats."""

import threading
import time
from collections.abc import Callable


class Lease:
    """Begins with its making. `renew` from any thread; `watch` waits on a thread of its own, so that a reporter that
    hangs cannot keep a machine."""

    def __init__(self, lasts_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s, self._now = lasts_s, now
        self._until = now() + lasts_s

    @property
    def left_s(self) -> float:
        return max(0.0, self._until - self._now())

    def renew(self, lasts_s: float | None = None) -> None:
        """From now on for `lasts_s`; None: for as long as at first."""
        self._until = self._now() + (lasts_s or self._lasts_s)

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` once, when the lease has run out."""
        threading.Thread(target=self._wait, args=(on_end,), name="lease", daemon=True).start()

    def _wait(self, on_end: Callable[[], None]) -> None:
        while (left_s := self.left_s) > 0:
            time.sleep(left_s)
        on_end()
