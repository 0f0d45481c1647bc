"""What the page of the analytics reckons: its filters, each preset's figures week by week, which tables there are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.dashboard import words

FILTERS = ("from", "to", "preset", "client", "creator")
_PERIODS_DAYS = (30, 90, 365)
_DAY = len("2026-11-29")


@dataclass(frozen=True)
class Trend:
    """One figure of a week's jobs. `factor`: from the API's unit to the chart's; `words`: the API's value as text;
    `most`: no value lies above."""

    name: str
    title: str
    unit: str
    field: str
    factor: float
    words: Callable[[Any], str]
    most: float | None = None

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return None if sums[self.field] is None else round(sums[self.field] * self.factor, 6)


TRENDS = (
    Trend("success", "Success rate", "% of those that completed or failed", "success_rate", 100,
          lambda value: words.percent(100 * value), most=100),
    Trend("cost", "Cost of a completed job", "USD, mean", "mean_cost_micro_usd", 1e-6, words.money),
    Trend("duration", "Duration of a completed job", "minutes, median", "median_duration_seconds", 1 / 60,
          words.duration),
    Trend("improvement", "Improvement over the base model", "% of perplexity, mean", "mean_improvement_pct", 1,
          lambda value: words.percent(value, 1)),
)


@dataclass(frozen=True)
class Row:
    """A week: (value in the chart's unit, the same as text) for each preset."""

    week: str
    cells: list[tuple[float | None, str]]


@dataclass(frozen=True)
class Curve:
    """A trend with its rows. `summary`: what somebody hears who does not see the chart."""

    trend: Trend
    presets: list[str]
    rows: list[Row]
    summary: str


def curves(weeks: Iterable[Mapping[str, Any]]) -> list[Curve]:
    by_week: dict[str, dict[str, Mapping[str, Any]]] = {}
    for each in weeks:
        by_week.setdefault(each["week"], {})[each["preset"]] = each
    presets = sorted({preset for sums in by_week.values() for preset in sums})
    return [_curve(trend, presets, by_week) for trend in TRENDS]


def _curve(trend: Trend, presets: list[str], by_week: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Curve:
    rows = [Row(week, [_cell(trend, sums.get(preset)) for preset in presets]) for week, sums in sorted(by_week.items())]
    return Curve(trend, presets, rows, _summary(presets, rows))


def _cell(trend: Trend, sums: Mapping[str, Any] | None) -> tuple[float | None, str]:
    value = trend.value(sums) if sums else None
    return (None, words.NONE) if value is None or sums is None else (value, trend.words(sums[trend.field]))


def _summary(presets: list[str], rows: list[Row]) -> str:
    last = []
    for place, preset in enumerate(presets):
        told = [row.cells[place][1] for row in rows if row.cells[place][0] is not None]
        if told:
            last.append(f"{words.label(preset)} {told[-1]}")
    return f"Last: {', '.join(last)}." if last else "Nothing to show of this yet."


def wanted(query: Mapping[str, str]) -> dict[str, str]:
    """The filters, as they stand in the address."""
    return {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}


def asked(state: Mapping[str, str]) -> dict[str, str]:
    """The same as the API takes it: days from their midnight (UTC), the last one whole. What is no day goes as it is:
    the API says what is wrong with it."""
    found = dict(state)
    for name, later in (("from", 0), ("to", 1)):
        day = _day(found.get(name, ""), later)
        if day is not None:
            found[name] = f"{day}T00:00:00Z"
    return found


def _day(text: str, later: int) -> date | None:
    try:
        return date.fromisoformat(text) + timedelta(days=later) if len(text) == _DAY else None
    except (ValueError, OverflowError):
        return None


def periods(now: datetime) -> list[tuple[str, str]]:
    """(words, first day) of periods that are often looked at."""
    return [(f"Last {days} days", f"{now.date() - timedelta(days=days)}") for days in _PERIODS_DAYS]
