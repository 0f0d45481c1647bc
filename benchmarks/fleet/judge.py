"""What the services believe against what really happened."""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from benchmarks.fleet.market import Loss
from benchmarks.fleet.pace import Pace
from benchmarks.fleet.trainer import attempt_of, final_state
from tests.fake_runpod.account import Account
from tests.system.stack_under_test import StackUnderTest

Deeds = dict[str, Any]
NAME = "brightrun-job-"


@dataclass(frozen=True)
class Steps:
    """Of completed jobs. `wrong`: steps whose place in the series or in the delivered state is not as it must be."""

    expected: int
    wrong: int
    trained: int
    examples: tuple[str, ...]

    @property
    def redone(self) -> int:
        return self.trained - self.expected


def judge_steps(system: StackUnderTest, completed: Sequence[str], deeds: Iterable[Deeds], pace: Pace) -> Steps:
    """Every step once in the series that a user sees, from the attempt that the delivered adapter comes from; and the
    adapter's state is the one of a run without interruption."""
    by_job: dict[str, dict[int, Deeds]] = defaultdict(dict)
    for one in deeds:
        by_job[one["job_id"]][one["attempt"]] = one
    wrong, examples, state = 0, list[str](), final_state(pace.steps)
    with system.client() as client:
        for job_id in completed:
            answer = client.http.json("GET", f"/api/training/jobs/{job_id}/metrics",
                                      params={"metrics": "loss", "max_points": 5000})
            attempts = by_job[job_id]
            found = differences_of(answer["series"], attempts, pace.steps)
            found += sum(one["completed"] and one["state"] != state for one in attempts.values())
            wrong += found
            examples += [f"{job_id}: {found}"] if found else []
    ran = sum(max(0, one["last_step"] - one["resumed_from"])
              for job_id in completed for one in by_job[job_id].values())
    return Steps(pace.steps * len(completed), wrong, ran, tuple(examples[:5]))


def differences_of(series: list[dict[str, Any]], attempts: dict[int, Deeds], steps: int) -> int:
    loss = next((one for one in series if one["metric"] == "loss"), {"steps": [], "values": []})
    seen = [(step, attempt_of(value, step)) for step, value in zip(loss["steps"], loss["values"], strict=True)]
    wanted = sorted(_lineage(attempts, steps).items())
    return len(set(wanted) ^ set(seen)) + len(seen) - len(set(seen))


def _lineage(attempts: dict[int, Deeds], steps: int) -> dict[int, int]:
    """Step -> the attempt whose computation is part of the delivered adapter."""
    owner: dict[int, int] = {}
    number = next((one["attempt"] for one in attempts.values() if one["completed"]), 0)
    until = steps
    while number:
        one = attempts[number]
        owner |= dict.fromkeys(range(one["resumed_from"] + 1, until + 1), number)
        until, number = one["resumed_from"], one["resumed_attempt"]
    return owner


def recovery_times(losses: Iterable[Loss], deeds: Iterable[Deeds], pace: Pace) -> list[float]:
    """Simulated seconds from the loss of a machine until its job trained its next step elsewhere."""
    began: dict[str, list[float]] = defaultdict(list)
    for one in deeds:
        if one["first_step_at"]:
            began[one["job_id"]].append(one["first_step_at"])
    found = []
    for loss in losses:
        later = [at for at in began[job_of(loss.pod_name)] if at > loss.at]
        if later:
            found.append((min(later) - loss.at) * pace.scale)
    return found


def job_of(pod_name: str) -> str:
    return pod_name.removeprefix(NAME).rpartition("-a")[0]


@dataclass(frozen=True)
class Money:
    """US dollars of the simulated clock: the provider's bill, and what the services made of it."""

    provider: float
    billed: float
    on_demand: float


def judge_money(system: StackUnderTest, account: Account, completed: int, pace: Pace, on_demand_usd: float) -> Money:
    rows = system.query("cost_guard", "SELECT coalesce(sum(settled_micro_usd), 0)::bigint AS n FROM jobs")
    bill = sum(pod.bill(account.now()) for pod in account.pods.values())
    alone = completed * pace.uninterrupted_s / 3600 * on_demand_usd
    return Money(bill, rows[0]["n"] / 1e6, alone)


@dataclass(frozen=True)
class Bills:
    """Of one machine's name, in USD. `seconds`: how much longer than by the provider it is billed here (real ones)."""

    name: str
    provider: float
    ours: float
    seconds: float


def compare_bills(system: StackUnderTest, account: Account) -> list[Bills]:
    bills: dict[str, float] = defaultdict(float)
    hourly: dict[str, float] = {}
    for pod in account.pods.values():
        bills[pod.name] += pod.bill(account.now())
        hourly[pod.name] = pod.hourly_usd
    ours: dict[str, float] = {}
    for row in system.query("cost_guard", "SELECT job_id, attempt, rate_micro_usd_per_hour AS rate, extract(epoch from "
                            "terminated_at - running_since)::float8 AS seconds FROM billing_intervals"):
        ours[f"{NAME}{row['job_id']}-a{row['attempt']}"] = row["rate"] / 1e6 * (row["seconds"] or 0) / 3600
    return [Bills(name, bills[name], ours.get(name, 0.0),
                  (ours.get(name, 0.0) - bills[name]) / hourly.get(name, 1.0) * 3600)
            for name in sorted({*bills, *ours})]


@dataclass(frozen=True)
class Lag:
    """Seconds from the sending of an event to the transaction of its effect. `kind` is empty where it is not logged."""

    seconds: float
    consumer: str
    kind: str


def event_lags(system: StackUnderTest, deeds: Iterable[Deeds]) -> list[Lag]:
    """Of every event that job_api took. An event's id (UUIDv7) says when it was made, the inbox when it was taken.

    A trainer's last events are made before its result is stored and sent afterwards: it says when.
    """
    sent = {event_id: at for one in deeds for event_id, at in one["sent_at"].items()}
    rows = system.query("job_api", "SELECT event_id, consumer, extract(epoch from claimed_at)::float8 AS at, "
                        "coalesce(type, '') AS kind FROM inbox LEFT JOIN job_events USING (event_id)")
    return [Lag(row["at"] - sent.get(str(row["event_id"]), _made_at(row["event_id"])), row["consumer"], row["kind"])
            for row in rows]


def _made_at(event_id: UUID) -> float:
    return (event_id.int >> 80) / 1000


def leaked(account: Account) -> int:
    """Machines that still cost money."""
    return sum(pod.exists for pod in account.pods.values())


def counter(system: StackUnderTest, service: str, name: str) -> float:
    """A Prometheus counter of a service."""
    port = next(row["port"] for row in system.programs().values() if row["name"] == service)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
