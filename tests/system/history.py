"""The history checker: a finished job has every effect once, whatever happened on the way."""

import time
from collections import Counter
from typing import Any

from brightrun.models import Job
from tests.system.stack_under_test import StackUnderTest

_DATABASES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")


def settle(system: StackUnderTest, job_id: str, timeout_s: float = 60.0) -> Job:
    """The completed job, once the other services have said their last word about it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        job = system.job(job_id)
        if job.cost_is_final and job.validation and _unpublished(system) == 0 and not system.trainers(job_id):
            return job
        time.sleep(0.5)
    raise AssertionError(
        f"never settled: cost final {job.cost_is_final}, validation {bool(job.validation)}, "
        f"unpublished {_unpublished(system)}, trainers {system.trainers(job_id)}\n{system.story(job_id)}"
    )


def _unpublished(system: StackUnderTest) -> int:
    return sum(
        system.query(name, "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")[0]["n"] for name in _DATABASES
    )


def check(system: StackUnderTest, job_id: str) -> dict[str, Any]:
    """Raises AssertionError for anything lost or doubled; the figures otherwise."""
    job = settle(system, job_id)
    assert job.status == "completed", job.status
    _once_each_end(system, job_id)
    steps = _every_step_once(system, job)
    pods = _no_machine_left(system, job_id)
    _one_notification(system, job_id)
    _money_adds_up(system, job)
    _no_dead_letters(system)
    return {"steps": steps, "attempts": len(pods), "recoveries": job.checkpoint_recovery_count}


def _once_each_end(system: StackUnderTest, job_id: str) -> None:
    with system.client() as client:
        events = list(client.all_events(job_id))
    ids = Counter(event["id"] for event in events)
    assert max(ids.values()) == 1, "an event stands twice in the job's log"
    ends = Counter(event["type"] for event in events)
    assert ends["training.completed"] == 1, ends
    assert ends["validation.updated"] >= 1, ends
    completed = system.query("job_api", f"SELECT count(*) AS n FROM outbox WHERE subject = 'job.completed.{job_id}'")
    assert completed[0]["n"] == 1, "job.completed was not said exactly once"
    evaluations = system.query("validator", f"SELECT attempt FROM evaluations WHERE job_id = '{job_id}'")
    assert len(evaluations) == 1, evaluations


def _every_step_once(system: StackUnderTest, job: Job) -> int:
    deadline = time.monotonic() + 20
    while True:
        steps = _loss_steps(system, job.id)
        expected = list(range(1, (job.total_steps or 0) + 1))
        if steps == expected:
            return len(steps)
        if time.monotonic() > deadline:
            raise AssertionError(f"loss is known at steps {steps}, expected 1..{job.total_steps}")
        time.sleep(0.5)


def _loss_steps(system: StackUnderTest, job_id: str) -> list[int]:
    with system.client() as client:
        answer = client.http.json(
            "GET", f"/api/training/jobs/{job_id}/metrics", params={"metrics": "loss", "max_points": 5000}
        )
    return next((series["steps"] for series in answer["series"] if series["metric"] == "loss"), [])


def _no_machine_left(system: StackUnderTest, job_id: str) -> list[dict[str, Any]]:
    pods = system.query("provisioner", f"SELECT attempt, status FROM pods WHERE job_id = '{job_id}' ORDER BY attempt")
    assert [pod["attempt"] for pod in pods] == list(range(1, len(pods) + 1)), pods
    assert {pod["status"] for pod in pods} == {"terminated"}, pods
    assert system.trainers(job_id) == []
    return pods


def _one_notification(system: StackUnderTest, job_id: str) -> None:
    deadline = time.monotonic() + 20
    sql = f"SELECT status FROM deliveries WHERE job_id = '{job_id}' AND kind = 'job_completed'"
    while [row["status"] for row in system.query("notifier", sql)] != ["sent"]:
        assert time.monotonic() < deadline, system.query("notifier", sql)
        time.sleep(0.5)


def _money_adds_up(system: StackUnderTest, job: Job) -> None:
    rows = system.query(
        "cost_guard", f"SELECT attempt, running_since, terminated_at FROM billing_intervals WHERE job_id = '{job.id}'"
    )
    attempts = system.query(
        "provisioner", f"SELECT attempt FROM pods WHERE job_id = '{job.id}' AND running_since IS NOT NULL"
    )
    assert {row["attempt"] for row in rows} == {row["attempt"] for row in attempts}
    assert all(row["terminated_at"] for row in rows), rows
    settled = system.query("cost_guard", f"SELECT settled_micro_usd FROM jobs WHERE job_id = '{job.id}'")[0]
    assert settled["settled_micro_usd"] == job.actual_cost_micro_usd


def _no_dead_letters(system: StackUnderTest) -> None:
    with system.client() as client:
        letters = client.dead_letters().data
    assert letters == [], [(letter["subject"], letter["error"]) for letter in letters]
