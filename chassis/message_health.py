"""What the message pipe contributes to readiness."""

from chassis.bus import Bus
from chassis.database import Database
from chassis.health import CheckResult, Health
from chassis.outbox import backlog
from chassis.topology import consumer_drift

OUTBOX_AGE_LIMIT_S = 60.0


def add_message_checks(health: Health, bus: Bus, database: Database) -> None:
    """Outbox age, consumers (stopped, cannot fetch) and their drift from the table."""

    async def outbox() -> CheckResult:
        return await outbox_age(database)

    async def consumers() -> CheckResult:
        return messages(bus)

    async def drifted() -> CheckResult:
        return await consumers_match(bus)

    health.add("outbox", outbox)
    health.add("messages", consumers)
    # Shown, not deciding: a service with an older table during a roll-out still does its work.
    health.add("consumer_drift", drifted, critical=False)


async def outbox_age(database: Database, limit_s: float = OUTBOX_AGE_LIMIT_S) -> CheckResult:
    """Fails when an event waits for its stream longer than `limit_s`; `value` is the age in seconds."""
    async with database.read() as tx:
        state = await backlog(tx)
    if state.age_s <= limit_s:
        return CheckResult(value=round(state.age_s, 1))
    detail = f"{state.unpublished} events wait to be published, the oldest for {state.age_s:.0f} s"
    return CheckResult("failed", detail, round(state.age_s, 1))


def messages(bus: Bus) -> CheckResult:
    """Fails while NATS is away, a consumer cannot fetch, or a consumer stopped after too many dead letters."""
    troubles = bus.troubles()
    return CheckResult("failed", "; ".join(troubles), len(troubles)) if troubles else CheckResult()


async def consumers_match(bus: Bus) -> CheckResult:
    """Fails when a durable on the server differs from contracts/streams.py."""
    found = [item for spec in bus.consumers for item in await consumer_drift(bus.jetstream, spec)]
    if not found:
        return CheckResult()
    detail = "; ".join(map(str, found)) + ". Apply the table: python -m chassis.topology"
    return CheckResult("failed", detail, len(found))
