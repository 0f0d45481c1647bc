"""What is not as it should be: each rule with something that breaks it, and a healthy installation without findings."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.rpc.health import OUTBOX_OLD_S, CheckOutcome, ConsumerFigures, OutboxFigures, ServiceHealth
from contracts.rpc.pods import Leak, Leaks, Machine
from contracts.streams import CONSUMERS
from services.job_api.operations import domain
from services.job_api.operations.application.findings import findings, state
from services.job_api.operations.application.overview import DeadLettersSeen, Overview
from services.job_api.operations.domain import JobOwner, QueueOfWorkspace

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MACHINE = Machine(job_id=uuid4(), workspace_id=uuid4(), attempt=2, provider="fake", gpu_type="local",
                  pricing_tier="spot")
ROOT = Path(__file__).parents[4]


def healthy(service: str = "notifier", **more) -> ServiceHealth:
    consumers = tuple(ConsumerFigures(durable=spec.durable, stream=spec.stream, pending=0, in_hand=0, redelivered=0)
                      for spec in CONSUMERS if spec.service == service)
    usual = {"status": "ready", "consumers": consumers, "checks": {"database": CheckOutcome(status="ok")},
             "outbox": OutboxFigures(waiting=0, oldest_age_s=0)}
    return ServiceHealth(**(usual | more))


def owner(status: str = "training", minutes: float = 10) -> JobOwner:
    return JobOwner("a job", "Ours", "somebody", None, 0, status, NOW - timedelta(minutes=minutes))


def overview(**more) -> Overview:
    usual = {"services": {"notifier": healthy()}, "machines": [MACHINE], "owners": {MACHINE.job_id: owner()},
             "leaks": Leaks(micro_usd=0, machines=0, leaks=()), "dead_letters": DeadLettersSeen(0, ()), "queues": [],
             "as_of": NOW, "unavailable": {}}
    return Overview(**(usual | more))


def test_nothing_is_wrong_with_a_healthy_installation() -> None:
    assert findings(overview()) == []
    assert state([]) == "ok"


def leak(hours: float) -> Leaks:
    one = Leak(pod_name="p", job_id=uuid4(), workspace_id=uuid4(), provider="fake",
               ended_at=NOW - timedelta(hours=hours), micro_usd=250_000)
    return Leaks(micro_usd=250_000, machines=1, leaks=(one,))


def consumer(**figures) -> ServiceHealth:
    first, *rest = healthy().consumers
    return healthy(consumers=(first.model_copy(update=figures), *rest))


BROKEN = [
    ({"services": {"notifier": None}, "unavailable": {"notifier": "no answer in 4 s"}},
     ("unknown", "service", "no answer in 4 s")),
    ({"services": {"notifier": healthy(status="starting", waiting_for="database")}},
     ("degraded", "service", "starting, waits for database")),
    ({"services": {"notifier": healthy(checks={"smtp": CheckOutcome(status="degraded", detail="refused")})}},
     ("degraded", "service", "refused")),
    ({"services": {"notifier": consumer(trouble="paused for 60 s")}}, ("failed", "consumer", "paused for 60 s")),
    ({"services": {"notifier": consumer(pending=1_001)}}, ("degraded", "consumer", "1,001 messages wait")),
    ({"services": {"notifier": healthy(outbox=OutboxFigures(waiting=3, oldest_age_s=300))}},
     ("failed", "outbox", "3 events wait, the oldest for 5 min")),
    ({"services": {"notifier": healthy(outbox=OutboxFigures(waiting=0, parked=2, oldest_age_s=0))}},
     ("failed", "outbox", "2 events are parked")),
    ({"owners": {}}, ("failed", "machine", "Nobody knows its job.")),
    ({"owners": {MACHINE.job_id: owner("completed", 180)}},
     ("failed", "machine", "Its job has been completed for 3 h.")),
    ({"owners": {MACHINE.job_id: owner("paused", 1.5)}}, ("failed", "machine", "Its job has been paused for 90 s.")),
    ({"leaks": leak(3)}, ("degraded", "leaks", "$0.25, 1 machine")),
    ({"dead_letters": DeadLettersSeen(4, ())}, ("degraded", "dead_letters", "4 messages")),
    ({"queues": [QueueOfWorkspace(uuid4(), "Ours", 1, 2, 2, NOW)]},
     ("degraded", "queue", "2 jobs without a machine to be had")),
    ({"machines": None, "unavailable": {"machines": "away"}}, ("unknown", "machines", "away")),
]


@pytest.mark.parametrize(("broken", "expected"), BROKEN, ids=[row[1][2] for row in BROKEN])
def test_each_rule(broken: dict, expected: tuple[str, str, str]) -> None:
    [found] = findings(overview(**broken))
    assert (found.state, found.part, found.observed) == expected
    assert found.expected
    assert found.what_to_do
    assert state([found]) == expected[0]
    assert not found.runbook or (ROOT / "docs" / "runbooks" / f"{found.runbook}.md").exists()


@pytest.mark.parametrize("fine", [
    {"owners": {MACHINE.job_id: owner("completed", 0.9)}},  # its end takes a moment
    {"owners": {}, "unavailable": {"owners": "away"}},
    {"leaks": leak(25)},
])
def test_what_is_no_finding(fine: dict) -> None:
    assert findings(overview(**fine)) == []


def test_the_worst_comes_first_and_a_trouble_is_told_once() -> None:
    paused = consumer(trouble="paused")
    checks = {"nats": CheckOutcome(status="failed", detail="notifier_jobs: paused"),
              "outbox": CheckOutcome(status="failed", detail="3 events wait")}
    services = {"validator": None, "notifier": paused.model_copy(update={
        "checks": checks, "outbox": OutboxFigures(waiting=3, oldest_age_s=OUTBOX_OLD_S + 1)})}
    found = findings(overview(services=services, dead_letters=DeadLettersSeen(1, ())))
    assert [one.part for one in found] == ["consumer", "outbox", "service", "dead_letters"]
    assert [one.state for one in found] == ["failed", "failed", "unknown", "degraded"]


def test_a_consumer_that_the_service_does_not_tell_of_is_unknown() -> None:
    found = findings(overview(services={"notifier": healthy(consumers=())}))
    assert {one.name for one in found} == {spec.durable for spec in CONSUMERS if spec.service == "notifier"}
    assert {one.state for one in found} == {"unknown"}


def test_what_is_expected_of_a_consumer_is_what_the_alert_says() -> None:
    rules = (ROOT / "ops" / "prometheus" / "rules" / "alerts.yml").read_text()
    limit = re.search(r"brightrun_consumer_pending_messages\) > (\d+)", rules)
    assert limit is not None
    assert int(limit[1]) == domain.MOST_PENDING
