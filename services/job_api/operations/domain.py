"""What an installation should look like, and what of it does not: expected beside observed, in words, worst first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.job_status import ACTIVE, JobStatus
from contracts.money import format_usd
from contracts.plurals import counted
from contracts.rpc.health import OUTBOX_OLD_S, CheckOutcome, ConsumerFigures, OutboxFigures, ServiceHealth
from contracts.rpc.pods import Leak
from contracts.streams import CONSUMERS

State = Literal["failed", "unknown", "degraded", "ok"]
WORST_FIRST: tuple[State, ...] = ("failed", "unknown", "degraded", "ok")
Part = Literal["service", "consumer", "outbox", "machine", "machines", "leaks", "dead_letters", "queue"]
# As the alert ConsumerLag has it.
MOST_PENDING = 1_000
# A machine is taken for leaked when it outlives its work by more than this.
_GRACE = timedelta(minutes=1)
_RECENT_LEAK = timedelta(days=1)


@dataclass(frozen=True)
class JobOwner:
    """Whose a job is, and how it is. `email` None: the creator is no user of ours."""

    name: str
    workspace_name: str
    created_by: str
    email: str | None
    cost_micro_usd: int
    status: str
    status_since: datetime


@dataclass(frozen=True)
class QueueOfWorkspace:
    """`for_a_machine`: those whose turn it is and for which the provider has none."""

    workspace_id: UUID
    workspace_name: str
    active: int
    waiting: int
    for_a_machine: int
    oldest_since: datetime | None


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `runbook`: the name of its page in docs/runbooks; empty: it has none."""

    state: State
    part: Part
    name: str
    observed: str
    expected: str
    what_to_do: str
    runbook: str = ""


def consumers_of(service: str, health: ServiceHealth | None) -> tuple[ConsumerFigures, ...]:
    """All that the service should have; those that it did not tell of are without figures."""
    told = health.consumers if health else ()
    known = {one.durable for one in told}
    silent = [ConsumerFigures(durable=spec.durable, stream=spec.stream) for spec in CONSUMERS
              if spec.service == service and spec.durable not in known]
    return (*told, *silent)


def consumer_state(one: ConsumerFigures) -> State:
    if one.trouble:
        return "failed"
    if one.pending is None:
        return "unknown"
    return "degraded" if one.pending > MOST_PENDING else "ok"


def outbox_state(figures: OutboxFigures) -> State:
    return "failed" if figures.parked or figures.oldest_age_s > OUTBOX_OLD_S else "ok"


def machine_trouble(owner: JobOwner | None, now: datetime) -> str:
    """Why the machine should not be there; empty when it should."""
    if owner is None:
        return "Nobody knows its job."
    since = now - owner.status_since
    if JobStatus(owner.status) in ACTIVE or since <= _GRACE:
        return ""
    return f"Its job has been {owner.status} for {_span(since.total_seconds())}."


def of_service(name: str, health: ServiceHealth | None, why: str) -> Iterator[Finding]:
    if health is None:
        yield Finding("unknown", "service", name, why or "It does not answer.", "an answer within 4 s",
                      "See whether it runs and reaches the broker; its log says why not.", "ServiceDown")
        return
    if health.status in ("starting", "draining"):
        waits = f", waits for {health.waiting_for}" if health.waiting_for else ""
        yield Finding("degraded", "service", name, f"{health.status}{waits}", "ready",
                      "A start or a stop takes seconds. If it stays so, its log says what it waits for.")
    for check, outcome in health.checks.items():
        if outcome.status != "ok" and not _told_elsewhere(check, outcome, health):
            yield Finding(outcome.status, "service", f"{name}: {check}", outcome.detail or outcome.status, "ok",
                          "Look at what the check says.", "CheckFails")
    for consumer in consumers_of(name, health):
        yield from _of_consumer(consumer)
    if health.outbox:
        yield from _of_outbox(name, health.outbox)


def _told_elsewhere(check: str, outcome: CheckOutcome, health: ServiceHealth) -> bool:
    """The figures of an outbox, and a consumer's own trouble, say it better."""
    if check == "outbox":
        return health.outbox is not None and outbox_state(health.outbox) != "ok"
    return check == "nats" and any(one.trouble and one.trouble in outcome.detail for one in health.consumers)


def _of_consumer(one: ConsumerFigures) -> Iterator[Finding]:
    state, expected = consumer_state(one), "takes messages"
    if state == "failed":
        yield Finding(state, "consumer", one.durable, one.trouble, expected,
                      "It tries again by itself. Its dead letters and its log say what it refuses.", "ConsumerStopped")
    elif state == "unknown":
        yield Finding(state, "consumer", one.durable, "Nothing is told of it.", expected,
                      "If its service is of the same release, run 'python -m chassis.topology'.", "NobodyTakes")
    elif state == "degraded":
        yield Finding(state, "consumer", one.durable, f"{one.pending:,} messages wait",
                      f"at most {MOST_PENDING:,} messages", "See whether the number falls; if not, add replicas.",
                      "ConsumerLag")


def _of_outbox(service: str, figures: OutboxFigures) -> Iterator[Finding]:
    if figures.parked:
        yield Finding("failed", "outbox", service, f"{figures.parked:,} events are parked", "none",
                      "No stream can take them: 'python -m chassis.parked list' shows them.", "EventsParked")
    if figures.oldest_age_s > OUTBOX_OLD_S:
        observed = f"{figures.waiting:,} events wait, the oldest for {_span(figures.oldest_age_s)}"
        yield Finding("failed", "outbox", service, observed, f"published within {OUTBOX_OLD_S:.0f} s",
                      "Nothing is lost. See whether the broker is there and its streams take messages.", "OutboxOld")


def of_machine(job_id: UUID, attempt: int, owner: JobOwner | None, now: datetime) -> Iterator[Finding]:
    if trouble := machine_trouble(owner, now):
        name = f"{owner.name if owner else job_id}, attempt {attempt}"
        yield Finding("failed", "machine", name, trouble, "a machine for active jobs alone",
                      "It costs money. The provisioner ends it by itself; if it stays, end it at the provider.",
                      "PodLeaked")


def of_leaks(leaks: Sequence[Leak], now: datetime) -> Iterator[Finding]:
    recent = [leak for leak in leaks if now - leak.ended_at <= _RECENT_LEAK]
    if recent:
        lost = format_usd(sum(leak.micro_usd for leak in recent))
        yield Finding("degraded", "leaks", "Leaked in the last 24 hours", f"{lost}, {counted(len(recent), 'machine')}",
                      "none", "They are gone. See why they outlived their work.", "PodLeaked")


def of_dead_letters(total: int) -> Iterator[Finding]:
    if total:
        yield Finding("degraded", "dead_letters", "Dead letters", counted(total, "message"), "none",
                      "Read the reason, mend it, and replay them.", "DeadLetters")


def of_queues(queues: Sequence[QueueOfWorkspace]) -> Iterator[Finding]:
    if waiting := sum(one.for_a_machine for one in queues):
        yield Finding("degraded", "queue", "Queue", f"{counted(waiting, 'job')} without a machine to be had",
                      "a machine for each job whose turn it is",
                      "The provider has none just now: another tier or kind of machine may be there.",
                      "MachineWaitsLong")


def not_asked(part: Part, why: str) -> Finding:
    return Finding("unknown", part, part.replace("_", " ").capitalize(), why, "an answer",
                   "The service behind it is away.", "ServiceDown")


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.state))


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes:,} min" if minutes < 120 else f"{minutes / 60:,.0f} h"
