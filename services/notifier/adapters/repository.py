"""All SQL of the notifier."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.identifiers import uuid7
from services.notifier.adapters.tables import deliveries
from services.notifier.domain.addresses import Address
from services.notifier.domain.messages import Message
from services.notifier.domain.results import Result, Status

WAKE_CHANNEL = "deliveries"


async def add_deliveries(tx: AsyncConnection, message: Message, event_id: UUID, addresses: Iterable[Address]) -> None:
    """One delivery for each address, unless this happening was already told there."""
    for address in addresses:
        row = {
            "id": uuid7(),
            "dedup_key": message.dedup_key,
            "channel": address.channel.value,
            "recipient": address.recipient,
            "event_id": event_id,
            "kind": message.kind,
            "workspace_id": message.workspace_id,
            "job_id": message.job_id,
            "content": {"title": message.title, "lines": list(message.lines)},
        }
        await tx.execute(insert(deliveries).values(row).on_conflict_do_nothing())
    await tx.execute(text(f"NOTIFY {WAKE_CHANNEL}"))


async def claim_due(tx: AsyncConnection, token: UUID, lease: timedelta) -> Row[Any] | None:
    """Mark the delivery that is longest due as being sent by this token, and hand it out.

    What is due and whose lease is over, the database's clock alone says: those of two senders may differ.
    """
    due = (
        select(deliveries.c.id)
        .where(deliveries.c.status == Status.PENDING, deliveries.c.next_try_at <= func.clock_timestamp())
        .order_by(deliveries.c.next_try_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(deliveries)
        .where(deliveries.c.id.in_(due.scalar_subquery()))
        .values(status=Status.SENDING, lock_token=token, locked_until=func.clock_timestamp() + lease)
        .returning(deliveries)
    )
    row: Row[Any] | None = (await tx.execute(claimed)).first()
    return row


async def finish(tx: AsyncConnection, delivery_id: UUID, token: UUID, result: Result) -> bool:
    """Apply a result; False when the lease was lost and somebody else has decided."""
    values: dict[str, Any] = {"status": result.status, "failures": result.failures, "last_error": result.error}
    if result.status is Status.SENT:
        values["sent_at"] = func.clock_timestamp()
    if result.again_in is not None:
        values["next_try_at"] = func.clock_timestamp() + result.again_in
    mine = (deliveries.c.id == delivery_id) & (deliveries.c.lock_token == token)
    statement = update(deliveries).where(mine).values(lock_token=None, locked_until=None, **values)
    return (await tx.execute(statement)).rowcount == 1


async def backlog(connection: AsyncConnection) -> tuple[int, float]:
    """(deliveries to be sent, seconds since the oldest of them was asked for)."""
    age_s = func.max(func.extract("epoch", func.now() - deliveries.c.created_at))
    waits = deliveries.c.status.in_((Status.PENDING, Status.SENDING))
    number, age = (await connection.execute(select(func.count(), age_s).where(waits))).one()
    return int(number), float(age or 0)


async def mark_crashed(tx: AsyncConnection) -> list[Row[Any]]:
    """Deliveries whose sender died in the act. Whether they arrived cannot be known, so they are not repeated."""
    statement = (
        update(deliveries)
        .where(deliveries.c.status == Status.SENDING, deliveries.c.locked_until < func.clock_timestamp())
        .values(
            status=Status.UNKNOWN, lock_token=None, locked_until=None, last_error="the sender ended while sending"
        )
        .returning(deliveries)
    )
    return list(await tx.execute(statement))


async def forget(tx: AsyncConnection, older_than: timedelta) -> int:
    """Remove deliveries that ended so long ago; how many. Those that are still to be sent stay."""
    ended = deliveries.c.status.in_((Status.SENT, Status.FAILED, Status.UNKNOWN, Status.SKIPPED))
    statement = delete(deliveries).where(ended, deliveries.c.created_at < func.now() - older_than)
    return (await tx.execute(statement)).rowcount
