"""What interruptions cost a job: steps done twice, time and money until it was as far again, and what spot saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from contracts.gpus import PricingTier
from contracts.rpc.costs import MachineCost
from services.job_api.jobs.domain.attempt_log import Attempt

_HOUR_US = 3_600_000_000
# What ends an attempt without ending what it was made for.
LOSING = ("interrupted", "failed", "replaced")


@dataclass(frozen=True)
class Loss:
    """From the end of an attempt until the job was as far again; `steps` had to be done twice."""

    begin: datetime
    end: datetime
    steps: int
    micro_usd: int

    @property
    def minutes(self) -> float:
        return (self.end - self.begin).total_seconds() / 60


@dataclass(frozen=True)
class AttemptCost:
    attempt: Attempt
    machine: MachineCost | None
    steps_redone: int
    loss: Loss | None


@dataclass(frozen=True)
class Totals:
    """`saved_micro_usd`: what the same work without a loss would have cost on demand, less what was paid. None when no
    spot machine ran, or when nobody knows the price on demand."""

    cost_micro_usd: int
    steps_redone: int
    minutes_lost: float
    lost_micro_usd: int
    saved_micro_usd: int | None


def reckon(
    attempts: Sequence[Attempt], machines: Sequence[MachineCost], until: datetime, safe_step: int | None = None
) -> tuple[list[AttemptCost], Totals]:
    """`until`: now, or the end of the job. `safe_step`: where the next attempt would go on, of a job that goes on."""
    spans = _lost_spans(attempts, until)
    lost = [(begin, end) for begin, end in spans.values() if end > begin]
    by_attempt = {machine.attempt: machine for machine in machines}
    costs = [
        AttemptCost(attempt, by_attempt.get(attempt.number), redone,
                    _loss(spans.get(attempt.number), machines, until, _lost_steps(attempts, index, safe_step)))
        for index, (attempt, redone) in enumerate(zip(attempts, _redone(attempts), strict=True))]
    return costs, Totals(
        cost_micro_usd=sum(machine.cost_micro_usd for machine in machines),
        steps_redone=sum(cost.steps_redone for cost in costs),
        minutes_lost=sum(cost.loss.minutes for cost in costs if cost.loss),
        lost_micro_usd=sum(cost.loss.micro_usd for cost in costs if cost.loss),
        saved_micro_usd=_saved(machines, lost, until))


def _redone(attempts: Sequence[Attempt]) -> list[int]:
    """Of each attempt the steps that had been done before."""
    found, furthest = [], 0
    for attempt in attempts:
        begin, end = attempt.from_step, attempt.to_step
        found.append(0 if begin is None or end is None else max(0, min(end, furthest) - begin))
        furthest = max(furthest, end or 0)
    return found


def _lost_steps(attempts: Sequence[Attempt], index: int, safe_step: int | None) -> int:
    """Steps that the end of this attempt undid: those after the step from which the next one that stepped went on."""
    reached = max((attempt.to_step or 0 for attempt in attempts[: index + 1]), default=0)
    following = next((later.from_step for later in attempts[index + 1 :] if later.from_step is not None), safe_step)
    return 0 if following is None else max(0, reached - following)


def _lost_spans(attempts: Sequence[Attempt], until: datetime) -> dict[int, tuple[datetime, datetime]]:
    """By attempt, without overlap: an interruption during the catching up ends the loss of the one before."""
    spans: dict[int, tuple[datetime, datetime]] = {}
    furthest = 0
    for index, attempt in enumerate(attempts):
        furthest = max(furthest, attempt.to_step or 0)
        if attempt.outcome not in LOSING:
            continue
        if not furthest:  # it came to nothing
            begin = attempt.running_since or attempt.ended_at
            end = attempt.terminated_at or attempt.ended_at
        else:
            begin, end = attempt.ended_at, _as_far_again(attempts[index + 1 :], furthest)
        if begin is not None:
            spans[attempt.number] = (begin, max(begin, end or until))
    for earlier, later in pairwise(sorted(spans)):
        begin, end = spans[earlier]
        spans[earlier] = (begin, max(begin, min(end, spans[later][0])))
    return spans


def _as_far_again(later: Sequence[Attempt], step: int) -> datetime | None:
    return min((at for attempt in later if (at := attempt.reached(step)) is not None), default=None)


def _loss(
    span: tuple[datetime, datetime] | None, machines: Sequence[MachineCost], until: datetime, steps: int
) -> Loss | None:
    if span is None:
        return None
    paid = sum(_cost(machine.rate_micro_usd_per_hour, _overlap(machine, span, until)) for machine in machines)
    return Loss(*span, steps, paid)


def _saved(
    machines: Sequence[MachineCost], lost: Sequence[tuple[datetime, datetime]], until: datetime
) -> int | None:
    rates: Mapping[int, int | None] = {one.attempt: one.on_demand_micro_usd_per_hour for one in machines}
    if all(one.pricing_tier is not PricingTier.SPOT for one in machines) or None in rates.values():
        return None
    useful = 0
    for machine in machines:
        time = _time(machine, until) - sum((_overlap(machine, span, until) for span in lost), timedelta())
        useful += _cost(rates[machine.attempt] or 0, time)
    return useful - sum(machine.cost_micro_usd for machine in machines)


def _time(machine: MachineCost, until: datetime) -> timedelta:
    return max(timedelta(), (machine.until or until) - machine.since)


def _overlap(machine: MachineCost, span: tuple[datetime, datetime], until: datetime) -> timedelta:
    return max(timedelta(), min(machine.until or until, span[1]) - max(machine.since, span[0]))


def _cost(rate_micro_usd_per_hour: int, time: timedelta) -> int:
    return round(rate_micro_usd_per_hour * (time // timedelta(microseconds=1)) / _HOUR_US)
