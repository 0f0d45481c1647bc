"""Metrics of every step: kept for the delivery, sent in batches."""

import math
import threading
import time
from typing import Any

from contracts.events import MetricsReported
from trainer_image.reporter import Reporter

# Three times as much as a report of these would fit into a message of the stream.
MAX_POINTS = 50
Row = dict[str, Any]


class MetricSeries:
    """Any thread may add or flush. `rows` hold `step`, `time` (Unix seconds) and the metrics that have a value."""

    def __init__(self, reporter: Reporter, *, resumed_from_step: int = 0) -> None:
        self._reporter, self._resumed_from_step = reporter, resumed_from_step
        self._lock = threading.Lock()
        self._waiting: list[Row] = []
        self._rows: list[Row] = []

    def restore(self, rows: list[Row], resumed_from_step: int) -> None:
        """Take over what the attempts before measured up to the step that this one goes on from."""
        self._rows, self._resumed_from_step = list(rows), resumed_from_step

    def add(self, step: int, **values: float) -> None:
        row = {"step": step, "time": time.time(), **values}
        with self._lock:
            self._rows.append(row)
            self._waiting.append(row)
            full = len(self._waiting) >= MAX_POINTS
        if full:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            rows, self._waiting = self._waiting, []
            if rows:
                self._reporter.publish(MetricsReported, resumed_from_step=self._resumed_from_step, **columns(rows))

    def rows(self) -> list[Row]:
        """One row a step, in order: a loss and a validation loss of the same step stand in one row."""
        with self._lock:
            merged: dict[int, Row] = {}
            for row in self._rows:
                merged.setdefault(row["step"], {}).update(row)
        return [merged[step] for step in sorted(merged)]


def columns(rows: list[Row]) -> dict[str, Any]:
    names = dict.fromkeys(name for row in rows for name in row if name not in ("step", "time"))
    return {
        "steps": tuple(row["step"] for row in rows),
        "times": tuple(row["time"] for row in rows),
        "values": {name: tuple(row.get(name) for row in rows) for name in names},
    }


def perplexity(loss: float) -> float:
    """exp(loss), infinite where a float cannot hold it."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
