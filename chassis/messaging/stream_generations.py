"""Which generation of a stream confirmed an event, and what is lost when a stream was made anew or set back."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.messaging.metrics import OUTBOX_REQUEUED
from chassis.messaging.outbox import OUTBOX
from contracts.streams import STREAMS, stream_of

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Generation:
    """A stream as the server shows it: when it was made, and the sequence of its last message."""

    created: datetime
    last_sequence: int


class StreamGenerations:
    """Streams as last seen. What is seen can only be older than the truth, never younger: a row marked with it is at
    worst published once more."""

    def __init__(self) -> None:
        self._seen: dict[str, Generation] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._seen)

    def created(self, stream: str) -> datetime:
        return self._seen[stream].created

    async def look(self, jetstream: JetStreamContext, stream: str) -> Generation:
        """Raises NotFoundError when it does not exist."""
        info = await jetstream.stream_info(stream)
        if info.created is None:
            raise ValueError(f"the server does not say when stream {stream} was created")
        self._seen[stream] = Generation(info.created, info.state.last_seq)
        return self._seen[stream]

    async def look_ahead(self, jetstream: JetStreamContext, subjects: Iterable[str]) -> None:
        """At the streams that will take these subjects, where they were not seen before."""
        streams = {stream_of(subject) for subject in subjects} - {None, *self._seen}
        for stream in streams:
            with suppress(NotFoundError):
                await self.look(jetstream, str(stream))

    async def lost(self, database: Database, jetstream: JetStreamContext) -> tuple[dict[str, Generation], bool]:
        """Streams that no longer hold what they had confirmed; and whether all could be looked at."""
        async with database.read() as connection:
            streams = await _confirming_streams(connection)
        found, complete = {}, True
        for stream in streams:
            try:
                found[stream] = await self.look(jetstream, stream)
            except NotFoundError:
                complete = False
        async with database.read() as connection:
            lost = {name: seen for name, seen in found.items() if await _has_lost(connection, name, seen)}
        return lost, complete


async def requeue_lost(tx: AsyncConnection, stream: str, seen: Generation) -> int:
    """Unpublish the rows that are no longer in the stream that confirmed them."""
    result = await tx.execute(
        update(OUTBOX)
        .where(*_lost_rows(stream, seen))
        .values(published_at=None, stream_created=None, stream_sequence=None, due_at=func.clock_timestamp())
    )
    OUTBOX_REQUEUED.labels(stream).inc(result.rowcount)
    _log.warning("stream_lost_events", stream=stream, republishing=result.rowcount)
    return result.rowcount


def _lost_rows(stream: str, seen: Generation) -> tuple[ColumnElement[bool], ...]:
    other_generation = or_(OUTBOX.c.stream_created < seen.created, OUTBOX.c.stream_created > seen.created)
    return (
        OUTBOX.c.published_at.is_not(None), OUTBOX.c.stream == stream,
        or_(other_generation, OUTBOX.c.stream_sequence > seen.last_sequence),
    )


async def _has_lost(connection: AsyncConnection, stream: str, seen: Generation) -> bool:
    return bool(await connection.scalar(select(OUTBOX.c.id).where(*_lost_rows(stream, seen)).limit(1)))


async def _confirming_streams(connection: AsyncConnection) -> list[str]:
    """Asked stream by stream: a DISTINCT would read the index of a week's events every few seconds."""
    known = [spec.name for spec in STREAMS]
    parts = [
        exists().where(OUTBOX.c.published_at.is_not(None), OUTBOX.c.stream == name).label(f"stream_{number}")
        for number, name in enumerate(known)
    ]
    row = (await connection.execute(select(*parts))).one()
    return [name for name, confirmed in zip(known, row, strict=True) if confirmed]
