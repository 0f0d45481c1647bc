"""Curves as a chart takes them: one shared column of steps, and for each metric a column with gaps."""

import math
from typing import Any

# Of one metric, for the whole width of a screen.
MOST_POINTS = 2_000


def aligned(found: dict[str, Any], saved: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """`x` are steps, `times` seconds since the epoch, `attempts` who trained the step; `columns` holds each metric's
    values over the same steps, null where there is none. `shown` and `total` say how many points were left out.
    `saved`: the log's entries about checkpoints."""
    rows: dict[tuple[int, int], float] = {}
    for series in found["series"]:
        for step, attempt, time in zip(series["steps"], series["attempts"], series["times"], strict=True):
            rows.setdefault((step, attempt), time)
    order = sorted(rows)
    place = {key: number for number, key in enumerate(order)}
    return {
        "x": [step for step, _ in order], "attempts": [attempt for _, attempt in order],
        "times": [rows[key] for key in order],
        "columns": {series["metric"]: _column(series, place) for series in found["series"]},
        "points": {series["metric"]: {"shown": len(series["steps"]), "total": series["total_points"],
                                      "flagged": list(series["flagged_steps"])} for series in found["series"]},
        "boundaries": [{"attempt": mark["attempt"], "step": mark["resumed_from_step"]}
                       for mark in found["boundaries"] if mark["attempt"] > 1],
        "checkpoints": sorted({entry["payload"]["step"] for entry in saved or ()}),
    }


def _column(series: dict[str, Any], place: dict[tuple[int, int], int]) -> list[float | None]:
    column: list[float | None] = [None] * len(place)
    for step, attempt, value in zip(series["steps"], series["attempts"], series["values"], strict=True):
        column[place[step, attempt]] = finite(value)
    return column


def finite(value: Any) -> float | None:
    """NaN and infinity, which are texts in JSON, are gaps."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
