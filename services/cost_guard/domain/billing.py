"""What machine time costs. Integer micro-dollars, exact to the microsecond of the interval."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class BilledInterval:
    """One machine's time; open while `until` is None. The rate is that of the day it started."""

    rate_micro_usd_per_hour: int
    since: datetime
    until: datetime | None


def cost_between(interval: BilledInterval, begin: datetime, end: datetime) -> int:
    """Micro-dollars of the part of the interval that lies in [begin, end); half a micro-dollar rounds up."""
    microseconds = overlap(interval, begin, end) // timedelta(microseconds=1)
    return (microseconds * interval.rate_micro_usd_per_hour + _MICROSECONDS_PER_HOUR // 2) // _MICROSECONDS_PER_HOUR


def overlap(interval: BilledInterval, begin: datetime, end: datetime) -> timedelta:
    """Never negative: a clock that ran backwards costs nothing."""
    since, until = max(interval.since, begin), min(interval.until or end, end)
    return max(timedelta(0), until - since)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def total_cost(intervals: Iterable[BilledInterval], now: datetime) -> int:
    return sum(cost_between(interval, _EPOCH, now) for interval in intervals)


def billed_seconds(intervals: Iterable[BilledInterval], now: datetime) -> float:
    return sum(overlap(interval, _EPOCH, now).total_seconds() for interval in intervals)


def month_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m")


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """Begin (included) and end (excluded) of a month in UTC."""
    year, number = map(int, month.split("-"))
    begin = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return begin, end


def spent_in_month(intervals: Iterable[BilledInterval], month: str, now: datetime) -> int:
    begin, end = month_bounds(month)
    return sum(cost_between(interval, begin, min(end, now)) for interval in intervals)
