"""Which incarnation of a stream confirmed an event, and what is lost when a stream was made anew or set back."""

from datetime import datetime

import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.message_metrics import OUTBOX_REQUEUED
from chassis.outbox import OUTBOX

_log = structlog.get_logger(__name__)


class Incarnations:
    """Creation times of streams as last seen. What is seen can only be older than the truth, never younger: a row
    marked with it is at worst published once more."""

    def __init__(self) -> None:
        self._created: dict[str, datetime] = {}

    def knows(self, stream: str) -> bool:
        return stream in self._created

    def created(self, stream: str) -> datetime:
        return self._created[stream]

    async def learn(self, jetstream: JetStreamContext, stream: str) -> int:
        """Look at a stream; the sequence of its last message. Raises NotFoundError when it does not exist."""
        info = await jetstream.stream_info(stream)
        if info.created is None:
            raise ValueError(f"the server does not say when stream {stream} was created")
        self._created[stream] = info.created
        return info.state.last_seq

    async def requeue_lost(self, tx: AsyncConnection, jetstream: JetStreamContext) -> bool:
        """Unpublish, in `tx`, the rows that are no longer in the stream that confirmed them.

        False when a stream does not exist at present.
        """
        complete = True
        for stream in await _confirming_streams(tx):
            try:
                last_sequence = await self.learn(jetstream, stream)
            except NotFoundError:
                complete = False
            else:
                await self._requeue(tx, stream, last_sequence)
        return complete

    async def _requeue(self, tx: AsyncConnection, stream: str, last_sequence: int) -> None:
        created = self._created[stream]
        lost = or_(
            OUTBOX.c.stream_created < created,
            OUTBOX.c.stream_created > created,
            OUTBOX.c.stream_sequence > last_sequence,
        )
        result = await tx.execute(
            update(OUTBOX)
            .where(OUTBOX.c.published_at.is_not(None), OUTBOX.c.stream == stream, lost)
            .values(published_at=None, stream_created=None, stream_sequence=None, due_at=func.clock_timestamp())
        )
        if result.rowcount:
            OUTBOX_REQUEUED.labels(stream).inc(result.rowcount)
            _log.warning("stream_lost_events", stream=stream, republishing=result.rowcount)


async def _confirming_streams(tx: AsyncConnection) -> list[str]:
    statement = select(OUTBOX.c.stream).where(OUTBOX.c.stream.is_not(None)).distinct()
    return sorted((await tx.execute(statement)).scalars())
