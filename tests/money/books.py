"""The plain rules of money: what must be held, spent and published, from what cost_guard was told."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from contracts import events as facts
from contracts.envelope import Event
from contracts.rpc.costs import BudgetView
from contracts.rpc.pods import Machine
from tests.money.truth import JobTruth, Span
from tests.services.cost_guard.examples import SPOT_RATE

# What job_api says that a start will cost; it counts only where nothing was ever agreed.
EXPECTED_COST = 4_000_000


class Rates:
    """The spot rate over time."""

    def __init__(self) -> None:
        self._changes: list[tuple[datetime, int]] = [(datetime(2020, 1, 1, tzinfo=UTC), SPOT_RATE)]

    def change(self, at: datetime, micro_usd_per_hour: int) -> None:
        self._changes.append((at, micro_usd_per_hour))

    def at(self, moment: datetime) -> int:
        return [rate for since, rate in self._changes if since <= moment][-1]

    def cost(self, span: Span, now: datetime, begin: datetime | None = None, end: datetime | None = None) -> int:
        """The integral of the span at the rate of its first day, cut to [begin, end), to the micro-dollar."""
        since = max(span.since, begin) if begin else span.since
        until = min(span.until or now, end) if end else span.until or now
        time = until - since
        seconds = time.days * 86_400 + time.seconds + Fraction(time.microseconds, 1_000_000)
        return int(max(Fraction(0), seconds) * self.at(span.since) / 3600 + Fraction(1, 2))


class Books:
    """Jobs and limits of some workspaces."""

    def __init__(self, workspaces: list[UUID], limit: int) -> None:
        self.rates = Rates()
        self.limits = dict.fromkeys(workspaces, limit)
        self.jobs: list[JobTruth] = []

    def of(self, job_id: UUID) -> JobTruth:
        return next(truth for truth in self.jobs if truth.job.job_id == job_id)

    def state(self, workspace_id: UUID, now: datetime, without: JobTruth | None = None) -> BudgetView:
        begin, end = month_begin(now), month_begin(now, 1)
        mine = [truth for truth in self.jobs if truth.job.workspace_id == workspace_id]
        spent = sum(self.rates.cost(span, now, begin, end) for truth in mine for span in truth.billed.values())
        reserved = sum(self._still_reserved(truth, now) for truth in mine if truth is not without)
        limit = self.limits[workspace_id]
        return BudgetView(
            month=f"{now:%Y-%m}", limit_micro_usd=limit, spent_micro_usd=spent, reserved_micro_usd=reserved,
            available_micro_usd=max(0, limit - spent - reserved),
        )

    def true_cost(self, truth: JobTruth, now: datetime) -> int:
        return sum(self.rates.cost(span, now) for span in truth.machines.values())

    def hear(self, event: Event[Any]) -> None:
        data, truth = event.data, self.of(event.data.job_id)
        if isinstance(data, facts.JobStartRequested):
            truth.start(data.reservation_id, EXPECTED_COST)
        elif data.entity == "job":
            truth.ended_at, truth.outcome = event.time, data.event
        else:
            truth.started = True
            if isinstance(data, facts.PodRunning) and data.attempt not in truth.billed:
                truth.confirm(data.attempt, data.running_since, None)
            elif isinstance(data, facts.PodTerminated):
                truth.confirm(data.attempt, data.running_since, data.terminated_at)

    def hear_list(self, listed: list[Machine]) -> None:
        billed = [(truth, attempt, span) for truth in self.jobs for attempt, span in truth.billed.items()]
        open_before = [(truth, attempt) for truth, attempt, span in billed if span.until is None]
        for machine in listed:
            truth = self.of(machine.job_id)
            before = truth.billed.get(machine.attempt)
            truth.confirm(machine.attempt, machine.running_since, machine.terminated_at)
            truth.started |= truth.billed.get(machine.attempt) != before
        found = {(machine.job_id, machine.attempt) for machine in listed}
        for truth, attempt in open_before:
            if (truth.job.job_id, attempt) not in found and truth.ended_at is not None:
                span = truth.billed[attempt]
                truth.billed[attempt] = Span(span.since, max(span.since, truth.ended_at))

    def _still_reserved(self, truth: JobTruth, now: datetime) -> int:
        if truth.held is None or truth.ended_at is not None:
            return 0
        return max(0, truth.held[1] - sum(self.rates.cost(span, now) for span in truth.billed.values()))


def month_begin(moment: datetime, later: int = 0) -> datetime:
    months = moment.year * 12 + moment.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
