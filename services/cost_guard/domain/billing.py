"""What machine time costs. Integer micro-dollars, exact to the microsecond of the interval."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class BilledInterval:
    """One machine's time; open while `until` is None. The rate is that of the day it started."""

    rate_micro_usd_per_hour: int
    since: datetime
    until: datetime | None


def cost(microseconds: int, rate_micro_usd_per_hour: int) -> int:
    """Micro-dollars; half a micro-dollar rounds up."""
    return (microseconds * rate_micro_usd_per_hour + MICROSECONDS_PER_HOUR // 2) // MICROSECONDS_PER_HOUR


def billed_time(interval: BilledInterval, now: datetime) -> timedelta:
    """Never negative: a clock that ran backwards costs nothing. A closed interval does not ask what time it is."""
    return max(timedelta(0), (interval.until or now) - interval.since)


def total_cost(intervals: Iterable[BilledInterval], now: datetime) -> int:
    return sum(_cost(billed_time(interval, now), interval) for interval in intervals)


def billed_seconds(intervals: Iterable[BilledInterval], now: datetime) -> float:
    return sum(billed_time(interval, now).total_seconds() for interval in intervals)


def _cost(time: timedelta, interval: BilledInterval) -> int:
    return cost(time // timedelta(microseconds=1), interval.rate_micro_usd_per_hour)


def month_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m")


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """Begin (included) and end (excluded) of a month in UTC."""
    year, number = map(int, month.split("-"))
    begin = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return begin, end
