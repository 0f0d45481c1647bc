"""Transactional outbox: events are rows of the transaction that made them true; the relay publishes them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.observability.propagation import current_traceparent
from contracts.envelope import Event

NOTIFY_CHANNEL = "outbox"
_PUBLISHED, _UNPUBLISHED = text("published_at IS NOT NULL"), text("published_at IS NULL")


def outbox_table(metadata: MetaData) -> Table:
    """The `outbox` table, registered in a service's metadata.

    `position` is the order of publishing. `stream`, `stream_created` and `stream_sequence` say which incarnation
    of which stream confirmed the row, so that a lost stream can be refilled. `due_at` is when the row last
    became unpublished: its age is what readiness watches. A parked row is one that no stream can ever take as it
    is: `parked_reason` says why, `python -m chassis.parked` lists it and tries it again.
    """
    return Table(
        "outbox",
        metadata,
        Column("id", UUID(as_uuid=True), primary_key=True),
        Column("position", BigInteger, Identity(), nullable=False, unique=True),
        Column("subject", Text, nullable=False),
        Column("event", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("published_at", DateTime(timezone=True)),
        Column("stream", Text),
        Column("stream_created", DateTime(timezone=True)),
        Column("stream_sequence", BigInteger),
        Column("parked_at", DateTime(timezone=True)),
        Column("parked_reason", Text),
        Index("outbox_unpublished", "position", postgresql_where=_UNPUBLISHED),
        Index("outbox_incarnation", "stream", "stream_created", postgresql_where=_PUBLISHED),
        Index("outbox_sequence", "stream", "stream_sequence", postgresql_where=_PUBLISHED),
        Index("outbox_published_at", "published_at", postgresql_where=_PUBLISHED),
    )


OUTBOX = outbox_table(MetaData())


async def emit(tx: AsyncConnection, event: Event[Any]) -> None:
    """Add an event to the caller's transaction: it will be published if and only if the transaction commits.

    The event takes the current trace unless it already carries one.
    """
    traceparent = event.traceparent or current_traceparent()
    if traceparent != event.traceparent:
        event = event.model_copy(update={"traceparent": traceparent})
    row = insert(OUTBOX).values(
        id=event.id,
        subject=event.subject,
        event=event.model_dump_json(exclude_none=True),
        headers={"traceparent": traceparent} if traceparent else {},
    )
    await tx.execute(select(func.pg_notify(NOTIFY_CHANNEL, "")).add_cte(row.cte("written")))  # one round trip


@dataclass(frozen=True)
class Backlog:
    """Events not yet confirmed by a stream; `age_s` is the age in seconds of the oldest that can be published."""

    unpublished: int
    age_s: float
    parked: int = 0


async def backlog(tx: AsyncConnection) -> Backlog:
    waiting = OUTBOX.c.parked_at.is_(None)
    age = func.extract("epoch", func.clock_timestamp() - func.min(OUTBOX.c.due_at).filter(waiting))
    counts = (func.count().filter(waiting), age, func.count().filter(OUTBOX.c.parked_at.is_not(None)))
    row = (await tx.execute(select(*counts).where(OUTBOX.c.published_at.is_(None)))).one()
    return Backlog(int(row[0]), max(0.0, float(row[1] or 0.0)), int(row[2]))


async def prune_outbox(tx: AsyncConnection, *, older_than: timedelta = timedelta(days=7)) -> int:
    """Delete what was published long ago. Younger rows stay: they refill a stream that was lost."""
    statement = delete(OUTBOX).where(OUTBOX.c.published_at < func.now() - older_than)
    return (await tx.execute(statement)).rowcount
