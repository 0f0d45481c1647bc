"""A chart as lines in a box of 1 by 1, with its ticks: a template draws it."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from services.dashboard.series import aligned

Points = list[tuple[float, float]]
_TICKS = 6
# Ends of an axis that has but one value.
_WIDEN = 0.05


def points(found: dict[str, Any], metric: str, axis: str) -> Points:
    """A job's curve over steps, epochs, or minutes since its first step. `found`: the API's series."""
    data = aligned(found)
    column = data["columns"].get(metric) or []
    xs = _axis(data, axis)
    known = [(x, value) for x, value in zip(xs, column, strict=False) if value is not None]
    return sorted(known, key=lambda point: point[0])


def _axis(data: dict[str, Any], axis: str) -> Sequence[float]:
    if axis == "time":
        first = min(data["times"], default=0.0)
        return [(time - first) / 60 for time in data["times"]]
    known = [(step, epoch) for step, epoch in zip(data["x"], data["columns"].get("epoch") or [], strict=False)
             if epoch is not None]
    if axis != "epoch" or not known:
        return data["x"]
    return [_between(known, step) for step in data["x"]]


def _between(known: Sequence[tuple[float, float]], step: float) -> float:
    """The epoch of a step. Each metric is thinned by itself; between two that are known, epochs grow with the steps."""
    place = bisect_left(known, (step, -math.inf))
    if place == len(known) or not place:
        return known[min(place, len(known) - 1)][1]
    (before, low), (after, high) = known[place - 1], known[place]
    return high if after == step else low + (high - low) * (step - before) / (after - before)


def plot(lines: dict[int, Points]) -> dict[str, Any]:
    """`lines`: by the number of their colour. Without any point: no ticks either."""
    every = [point for line in lines.values() for point in line]
    if not every:
        return {"lines": [], "x_ticks": [], "y_ticks": []}
    left, right = _ends(x for x, _ in every)
    bottom, top = _ends(y for _, y in every)
    return {
        "lines": [{"number": number, "points": [[_part(x, left, right), 1 - _part(y, bottom, top)] for x, y in line]}
                  for number, line in lines.items() if line],
        "x_ticks": [{"at": _part(tick, left, right), "label": text} for tick, text in ticks(left, right)],
        "y_ticks": [{"at": 1 - _part(tick, bottom, top), "label": text} for tick, text in ticks(bottom, top)],
    }


def _ends(values: Iterable[float]) -> tuple[float, float]:
    known = list(values)
    low, high = min(known), max(known)
    if low == high:
        room = abs(low) * _WIDEN or 1.0
        return low - room, high + room
    return low, high


def _part(value: float, low: float, high: float) -> float:
    return round((value - low) / (high - low), 5)


def ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round values between both ends: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [(number * step, f"{number * step:,.{places}f}") for number in range(first, last + 1)]
