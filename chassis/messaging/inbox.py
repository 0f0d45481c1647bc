"""Inbox: the ids of events a consumer has taken, written in the transaction of their effect."""

import uuid
from datetime import timedelta

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, delete, func
from sqlalchemy.dialects.postgresql import UUID, insert
from sqlalchemy.ext.asyncio import AsyncConnection


def inbox_table(metadata: MetaData) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("event_id", UUID(as_uuid=True), primary_key=True),
        Column("claimed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("inbox_claimed_at", "claimed_at"),
    )


INBOX = inbox_table(MetaData())


async def claim(tx: AsyncConnection, *, event_id: str | uuid.UUID, consumer: str) -> bool:
    """Take an event for this transaction. False: its effect has already been committed.

    When another transaction holds the same event, this waits for it: after its commit the answer is False,
    after its rollback the event is ours.
    """
    statement = insert(INBOX).values(consumer=consumer, event_id=uuid.UUID(str(event_id))).on_conflict_do_nothing()
    return (await tx.execute(statement)).rowcount == 1


async def prune_inbox(tx: AsyncConnection, *, older_than: timedelta = timedelta(days=30)) -> int:
    """Forget old ids. Must outlast the outbox (7 days) and the streams, whose messages can come again."""
    return (await tx.execute(delete(INBOX).where(INBOX.c.claimed_at < func.now() - older_than))).rowcount
