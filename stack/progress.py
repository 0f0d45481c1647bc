"""Which step of how many runs, what it does, for how long still."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from stack.durations import Durations

TICK_S, LINE_EVERY_S = 0.5, 15.0
CLEARED = "\r\033[K"


@dataclass(frozen=True)
class Step:
    """`usual_s` counts until a first run on this machine has measured it. A step that writes on the terminal itself
    (`speaks`) gets no clock beside it."""

    name: str
    title: str
    usual_s: float
    speaks: bool = False


class Progress:
    """`done` and `began` continue the count of another process."""

    def __init__(
        self, steps: Sequence[Step], durations: Durations, *, done: int = 0, began: float | None = None
    ) -> None:
        self.durations, self.done = durations, done
        self.began = time.time() if began is None else began
        self.left = {step.name: durations.expected(step.name, step.usual_s) for step in steps}
        self.total = done + len(steps)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Says what begins and what it took. A step that fails is not remembered."""
        usual, everything = self.left[step.name], sum(self.left.values())
        last = self.done + 1 == self.total
        until_end = "" if last else f"; {span(everything)} until all is done"
        print(f"\n== {self.done + 1}/{self.total} {step.title} (about {span(usual)}{until_end})", flush=True)
        clock, began = None if step.speaks else Clock(usual), time.monotonic()
        try:
            yield
        finally:
            if clock:
                clock.stop()
        took = time.monotonic() - began
        print(f"   done in {took:.1f} s", flush=True)
        self.durations.remember(step.name, took)
        self.done += 1
        del self.left[step.name]

    @property
    def elapsed_s(self) -> float:
        return time.time() - self.began


class Clock:
    """Tells the time of a quiet step: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, usual_s: float) -> None:
        self.usual_s, self.began, self.ended = usual_s, time.monotonic(), threading.Event()
        self.on_terminal = sys.stdout.isatty()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.ended.set()
        self.thread.join()
        if self.on_terminal:
            print(CLEARED, end="", flush=True)

    def _run(self) -> None:
        while not self.ended.wait(TICK_S if self.on_terminal else LINE_EVERY_S):
            passed = time.monotonic() - self.began
            line = f"   {span(passed)}, {still(self.usual_s - passed)}"
            print(f"{CLEARED}{line}" if self.on_terminal else line, end="" if self.on_terminal else "\n", flush=True)


def tell(line: str) -> None:
    """A line of a step, above its clock."""
    print(f"{CLEARED if sys.stdout.isatty() else ''}{line}", flush=True)


def still(seconds: float) -> str:
    return f"about {span(seconds)} still" if seconds >= 1 else "longer than usual"


def span(seconds: float) -> str:
    """`9 s`, `1 min 35 s`."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
