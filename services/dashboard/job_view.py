"""A job as its page shows it: stages, cost against estimate, what may be done. Derived from the API's answers alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.job_status import STAGES, TERMINAL, JobStatus
from services.dashboard.charts import METRICS, Metric
from services.dashboard.words import label, moment

# Above the estimate by more than so much, the card warns.
VARIANCE_WARNING_PCT = 20.0
_BEFORE = (JobStatus.QUEUED, JobStatus.PROVISIONING)
STEPS = (*_BEFORE, *STAGES)


@dataclass(frozen=True)
class Step:
    """`state`: done, current, ahead or failed. `elapsed_s`: until now for the current one. `expected_s`: as estimated,
    up to the end of `expected_until` where it has one figure for several stages; told at the first of them."""

    name: str
    state: str
    elapsed_s: float | None
    expected_s: float | None = None
    expected_until: str = ""


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in TERMINAL


def steps(job: dict[str, Any], changes: list[dict[str, Any]], now: datetime) -> list[Step]:
    """Where the job stands. `changes`: its `job.status_changed` entries, oldest first."""
    entered = _entered(changes)
    here = JobStatus.QUEUED if job["status"] == JobStatus.PENDING else JobStatus(job["current_stage"] or job["status"])
    position = STEPS.index(here) if here in STEPS else _furthest(entered)
    if job["status"] == JobStatus.COMPLETED:
        position = len(STEPS)
    expected = _expected(job)
    return [Step(name.value, _state(job, number, position), _elapsed(name, entered, job, now, number == position),
                 *expected.get(name.value, ()))
            for number, name in enumerate(STEPS)]


def _expected(job: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """By the first stage of each part of the estimate: its seconds, and the last stage where there are several."""
    parts = (job["estimate"] or {}).get("parts", [])
    return {part["stages"][0]: (part["expected_s"], part["stages"][-1] if len(part["stages"]) > 1 else "")
            for part in parts if part["stages"]}


def _entered(changes: list[dict[str, Any]]) -> dict[str, tuple[datetime, datetime | None]]:
    """When each status began last, and when it was left."""
    found: dict[str, tuple[datetime, datetime | None]] = {}
    before = ""
    for change in changes:
        at, status = moment(change["occurred_at"]), str(change["payload"].get("to_status", ""))
        assert at is not None
        if before in found:
            found[before] = found[before][0], at
        found[status], before = (at, None), status
    return found


def _furthest(entered: dict[str, Any]) -> int:
    return max((number for number, step in enumerate(STEPS) if step.value in entered), default=-1)


def _state(job: dict[str, Any], number: int, position: int) -> str:
    if number < position:
        return "done"
    if number > position or job["status"] == JobStatus.PENDING:
        return "ahead"
    return "failed" if job["status"] in (JobStatus.FAILED, JobStatus.CANCELLED) else "current"


def _elapsed(
    name: JobStatus, entered: dict[str, tuple[datetime, datetime | None]], job: dict[str, Any], now: datetime,
    is_here: bool,
) -> float | None:
    if name.value not in entered:
        return None
    began, left = entered[name.value]
    end = left or (moment(job["completed_at"]) if has_ended(job) else now if is_here else None)
    return None if end is None else max(0.0, (end - began).total_seconds())


@dataclass(frozen=True)
class Cost:
    """Micro-dollars. `projected`: what the whole will have cost at this pace; `variance_pct` of it against the
    estimate."""

    estimate: int | None
    low: int | None
    high: int | None
    spent: int
    rate_per_hour: int | None
    projected: int | None
    variance_pct: float | None
    final: bool

    @property
    def warns(self) -> bool:
        return self.variance_pct is not None and self.variance_pct > VARIANCE_WARNING_PCT


def cost(job: dict[str, Any], attempts: dict[str, Any] | None) -> Cost:
    estimate, spent = job["cost_estimate_micro_usd"], job["actual_cost_micro_usd"]
    interval = (job["estimate"] or {}).get("cost_micro_usd") or {}
    running = [row for row in (attempts or {}).get("data", []) if row["outcome"] == "running"]
    projected = _projected(job, spent)
    variance = 100 * (projected - estimate) / estimate if estimate and projected is not None else None
    return Cost(estimate, interval.get("low"), interval.get("high"), spent,
                running[-1]["rate_micro_usd_per_hour"] if running else None, projected, variance, job["cost_is_final"])


def _projected(job: dict[str, Any], spent: int) -> int | None:
    """At the end, what it was; before, by the time that is left at the pace of spending so far."""
    if has_ended(job):
        return spent
    passed, left = job["duration_seconds"], job["estimated_time_remaining_seconds"]
    if not spent or not passed or left is None:
        return None
    return round(spent * (passed + left) / passed)


def latest_values(latest: dict[str, Any], before: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The newest value of each metric and its change from the point before."""
    rows = []
    for name, found in latest.items():
        history = _numbers(before.get(name, []))
        change = history[-1] - history[-2] if len(history) > 1 else None
        metric = METRICS.get(name, Metric(label(name)))
        rows.append({"metric": metric, "value": found["value"], "step": found["step"], "change": change})
    return rows


def without_change(latest: dict[str, Any], before: dict[str, list[Any]]) -> list[str]:
    """Metrics of which only one point is among `before`: they are measured more rarely."""
    return sorted(name for name in latest if len(_numbers(before.get(name, []))) < 2)


def _numbers(values: list[Any]) -> list[float]:
    return [value for value in values if isinstance(value, int | float)]
