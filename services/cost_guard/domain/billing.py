"""What machine time costs. Integer micro-dollars, exact to the microsecond of the interval."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.rpc.costs import RateSource

MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class RunTimes:
    """A machine's times as its provider tells them; it runs while `until` is None."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class BilledInterval:
    """One machine's time; open while `until` is None. The rate is the provider's for this very machine, or the
    configured one of the day it started. `on_demand_micro_usd_per_hour`: what spot is compared with, where known."""

    rate_micro_usd_per_hour: int
    since: datetime
    until: datetime | None
    rate_source: RateSource = RateSource.CONFIGURED
    on_demand_micro_usd_per_hour: int | None = None
    gpu_model: str = ""

    @property
    def times(self) -> RunTimes:
        return RunTimes(self.since, self.until)


def began(known: RunTimes | None, since: datetime) -> RunTimes:
    """The first word of a machine. What is known already stands: it may have ended before this was heard."""
    return known or RunTimes(since, None)


def confirmed(known: RunTimes | None, since: datetime | None, until: datetime | None) -> RunTimes | None:
    """The provider's own word, which corrects what is known; None for a machine that never ran.

    An end is never taken back: a list can be older than an event.
    """
    since = since or (known.since if known else None)
    until = until or (known.until if known else None)
    return None if since is None else RunTimes(since, until)


def bill(
    times: RunTimes, known: BilledInterval | None, *, told_micro_usd: int | None, configured_micro_usd: int | None,
    on_demand_micro_usd: int | None, gpu_model: str = "",
) -> BilledInterval | None:
    """The bill of a machine with these times. What its provider told last about its price counts, whoever says the
    times; None when nobody told a price."""
    on_demand, model = on_demand_micro_usd, gpu_model
    source = RateSource.CONFIGURED if told_micro_usd is None else RateSource.PROVIDER
    rate = configured_micro_usd if told_micro_usd is None else told_micro_usd
    if known is not None:
        model = model or known.gpu_model
        on_demand = known.on_demand_micro_usd_per_hour if on_demand is None else on_demand
        if told_micro_usd is None and (known.rate_source is RateSource.PROVIDER or known.since == times.since):
            rate, source = known.rate_micro_usd_per_hour, known.rate_source
    if rate is None:
        return None
    return BilledInterval(rate, times.since, times.until, source, on_demand, model)


def correction_kind(known: RunTimes | None, new: RunTimes) -> str:
    """`opened` (never heard of), `closed` (its end was never heard) or `corrected`."""
    if known is None:
        return "opened"
    return "closed" if known.until is None and new.until is not None else "corrected"


def cost(microseconds: int, rate_micro_usd_per_hour: int) -> int:
    """Micro-dollars; half a micro-dollar rounds up."""
    return (microseconds * rate_micro_usd_per_hour + MICROSECONDS_PER_HOUR // 2) // MICROSECONDS_PER_HOUR


def billed_time(interval: BilledInterval, now: datetime) -> timedelta:
    """Never negative: a clock that ran backwards costs nothing. A closed interval does not ask what time it is."""
    return max(timedelta(0), (interval.until or now) - interval.since)


def cost_of(interval: BilledInterval, now: datetime) -> int:
    return _cost(billed_time(interval, now), interval)


def total_cost(intervals: Iterable[BilledInterval], now: datetime) -> int:
    return sum(cost_of(interval, now) for interval in intervals)


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
