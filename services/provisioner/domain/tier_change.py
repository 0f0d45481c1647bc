"""Whether an `auto` job may take the dearer tier: only within what was reserved for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contracts.events import JobStartRequested
from contracts.money import format_usd
from contracts.rpc.pods import Price
from services.provisioner.domain.model import Pod
from services.provisioner.domain.prices import cost_micro_usd

# However little seems to be left of a job, its end takes a while.
_SHORTEST_SHARE = 0.1


@dataclass(frozen=True)
class Spending:
    """What the job's machines have cost so far, as far as their prices are known, and how long they ran."""

    micro_usd: int
    seconds: float


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    words: str


def spending(pods: Iterable[Pod], now: datetime) -> Spending:
    total, seconds = 0, 0.0
    for pod in pods:
        if pod.running_since is not None:
            ran_s = max(0.0, ((pod.terminated_at or now) - pod.running_since).total_seconds())
            total, seconds = total + cost_micro_usd(pod.price.rate_micro_usd_per_hour or 0, ran_s), seconds + ran_s
    return Spending(total, seconds)


def judge_on_demand(why: str, job: JobStartRequested, spent: Spending, price: Price | None) -> Verdict:
    """`why`: the reason for the change, in words. Without a price, or without a ceiling, nothing is beyond it: the
    money was reserved for the dearer tier."""
    if price is None:
        return Verdict(True, f"{why}: on-demand")
    at = f"on-demand at {format_usd(price.micro_usd_per_hour)}/h"
    ceiling = job.cost_ceiling_micro_usd
    if ceiling is None:
        return Verdict(True, f"{why}: {at}")
    expected = projected_micro_usd(job, spent, price.micro_usd_per_hour)
    if expected <= ceiling:
        return Verdict(True, f"{why}: {at}, within the job's ceiling of {format_usd(ceiling)}")
    return Verdict(False, f"{why}, and {at} would bring the job to about {format_usd(expected)}, above its ceiling of "
                          f"{format_usd(ceiling)}")


def projected_micro_usd(job: JobStartRequested, spent: Spending, rate_micro_usd_per_hour: int) -> int:
    """What the job will have cost when it goes on at this rate for what is left of its expected duration. A later start
    foretells what was left when it was made: none of that is taken for done."""
    expected_s = job.estimated_duration_s
    done_s = spent.seconds if job.run == 1 else 0.0
    left_s = max(expected_s - done_s, _SHORTEST_SHARE * expected_s)
    return spent.micro_usd + cost_micro_usd(rate_micro_usd_per_hour, left_s)


def no_spot(offers: int, waited_s: float, *, sold: bool) -> str:
    """Why an `auto` job stops to ask for spot. `sold`: the provider has spot machines, though none just now."""
    if not sold:
        return "the provider offers no spot machines"
    minutes = round(waited_s / 60)
    waited = f"{minutes} minutes" if minutes > 1 else f"{round(waited_s)} seconds"
    return f"no spot for {waited} ({offers} offers)"
