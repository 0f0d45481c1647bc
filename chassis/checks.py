"""What health asks about the parts every service has. Only the database decides over readiness; the rest is shown."""

from typing import TYPE_CHECKING

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from chassis.messaging.bus import Bus
from chassis.messaging.drift import consumer_drift
from chassis.messaging.losses import WHAT_TO_DO
from chassis.messaging.outbox import backlog
from chassis.objects.store import ObjectStore
from chassis.observability.health import OK, Check, CheckResult
from contracts.rpc.health import OUTBOX_OLD_S

if TYPE_CHECKING:
    from redis.asyncio import Redis


def database_check(database: Database) -> Check:
    return database.ping


def bus_check(bus: Bus) -> Check:
    """NATS connected, and no consumer paused (after too many dead letters) or ended."""

    async def check() -> CheckResult:
        issues = bus.health_issues()
        return CheckResult("failed", "; ".join(issues)) if issues else OK

    return check


def outbox_check(database: Database) -> Check:
    """`value` is the age in seconds of the oldest event no stream has confirmed."""

    async def check() -> CheckResult:
        with every_workspace():
            async with database.read() as connection:
                found = await backlog(connection)
        if found.parked:
            words = f"{found.parked} events are parked because no stream can take them: python -m chassis.parked list"
            return CheckResult("failed", words, found.parked)
        if found.age_s > OUTBOX_OLD_S:
            detail = f"{found.unpublished} events wait; the oldest for {found.age_s:.0f} s. Is NATS up?"
            return CheckResult("failed", detail, round(found.age_s, 1))
        return CheckResult(value=round(found.age_s, 3))

    return check


def drift_check(bus: Bus) -> Check:
    """The server's durable consumers are what contracts say; `python -m chassis.topology` repairs them."""

    async def check() -> CheckResult:
        found = [drift for spec in bus.consumers for drift in await consumer_drift(bus.jetstream, spec)]
        if not found:
            return OK
        words = "; ".join(map(str, found[:3]))
        return CheckResult("failed", f"{words}. Run 'python -m chassis.topology'.", len(found))

    return check


def loss_check(bus: Bus) -> Check:
    """No stream has dropped what a consumer of this service had not settled; `value` counts what was noticed within
    the last hour."""

    async def check() -> CheckResult:
        for spec in bus.consumers:
            await bus.losses.look(bus.jetstream, spec)
        found = bus.losses.recent()
        if not found:
            return OK
        words = "; ".join(map(str, found[-3:]))
        return CheckResult("failed", f"{words}. What to do: {WHAT_TO_DO}.", sum(loss.count for loss in found))

    return check


def redis_check(redis: "Redis") -> Check:
    async def check() -> None:
        await redis.ping()

    return check


def objects_check(objects: ObjectStore) -> Check:
    return objects.ping
