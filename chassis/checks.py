"""What readiness asks about the parts every service has."""

from typing import TYPE_CHECKING

from chassis.bus import Bus
from chassis.database import Database
from chassis.health import OK, Check, CheckResult
from chassis.object_store import ObjectStore
from chassis.outbox import backlog
from chassis.topology import consumer_drift

if TYPE_CHECKING:
    from redis.asyncio import Redis

# The relay publishes within a second; this is a broker, a stream or a relay that has stopped.
_OUTBOX_TOO_OLD_S = 30.0


def database_check(database: Database) -> Check:
    return database.ping


def bus_check(bus: Bus) -> Check:
    """NATS connected, and no consumer stopped (after too many dead letters) or ended."""

    async def check() -> CheckResult:
        troubles = bus.troubles()
        return CheckResult("failed", "; ".join(troubles)) if troubles else OK

    return check


def outbox_check(database: Database) -> Check:
    """`value` is the age in seconds of the oldest event no stream has confirmed."""

    async def check() -> CheckResult:
        async with database.read() as tx:
            found = await backlog(tx)
        if found.age_s > _OUTBOX_TOO_OLD_S:
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


def redis_check(redis: "Redis") -> Check:
    async def check() -> None:
        await redis.ping()

    return check


def objects_check(objects: ObjectStore) -> Check:
    return objects.ping
