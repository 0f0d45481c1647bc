"""What is said about the cost of a job, and when it is news."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.cost_guard.domain.billing import BilledInterval, billed_seconds, total_cost

# Of its estimate: a run of minutes is followed tick by tick, one of hours by the minute.
_NOTICEABLE_SHARE = 0.01


@dataclass(frozen=True)
class CostReport:
    """`final`: the job has ended and its last machine is gone."""

    cost_micro_usd: int
    billed_seconds: float
    running: bool
    final: bool


@dataclass(frozen=True)
class Published:
    """The last `cost.updated` of a job; `age_s` by the database's clock."""

    cost_micro_usd: int
    running: bool
    final: bool
    age_s: float


def cost_report(intervals: Sequence[BilledInterval], *, ended: bool, now: datetime) -> CostReport:
    running = any(interval.until is None for interval in intervals)
    return CostReport(
        cost_micro_usd=total_cost(intervals, now),
        billed_seconds=billed_seconds(intervals, now),
        running=running,
        final=ended and not running,
    )


def is_news(report: CostReport, before: Published | None, *, estimate_micro_usd: int | None, every_s: float) -> bool:
    """A first word, a machine that came or went, the end, a correction; growth when it is noticeable or time."""
    if before is None or (report.running, report.final) != (before.running, before.final):
        return True
    growth = report.cost_micro_usd - before.cost_micro_usd
    if growth <= 0 or not report.running:
        return growth != 0
    noticeable = bool(estimate_micro_usd) and growth >= _NOTICEABLE_SHARE * (estimate_micro_usd or 0)
    return noticeable or before.age_s >= every_s


def throughput_log_error(
    intervals: Sequence[BilledInterval], *, outcome: str | None, physical_s: float | None, now: datetime
) -> float | None:
    """log(actual / physical prediction) of a completed, uninterrupted run; others say nothing about throughput."""
    seconds = billed_seconds(intervals, now)
    if outcome != "completed" or len(intervals) != 1 or not physical_s or seconds <= 0:
        return None
    return math.log(seconds / physical_s)
