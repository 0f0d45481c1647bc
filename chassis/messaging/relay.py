"""The relay: publishes the outbox in order, waits for the stream's confirmation, and refills streams that were lost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from nats.js.api import PubAck
from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.database.leases import Lease
from chassis.database.listen import PgListener
from chassis.messaging.bus import Bus
from chassis.messaging.connection import Epoch
from chassis.messaging.metrics import OUTBOX_AGE, OUTBOX_BACKLOG, OUTBOX_PARKED, OUTBOX_PUBLISHED
from chassis.messaging.outbox import NOTIFY_CHANNEL, OUTBOX, backlog
from chassis.messaging.publishing import Published, key_of, publish_by_key
from chassis.messaging.stream_generations import StreamGenerations, requeue_lost

_log = structlog.get_logger(__name__)

_MEASURE_INTERVAL_S = 2.0
_BATCHES_OF_A_PASS = 64
_MARK = (
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("row_id"))
    .values(
        published_at=func.clock_timestamp(),
        stream=bindparam("row_stream"),
        stream_created=bindparam("row_created"),
        stream_sequence=bindparam("row_sequence"),
    )
)
_PARK = (
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("row_id"))
    .values(parked_at=func.clock_timestamp(), parked_reason=bindparam("reason"))
)


@dataclass(frozen=True)
class Batch:
    """Of `rows`, those `settled` need no second look: marked as confirmed, or parked."""

    rows: Sequence[Row[Any]] = ()
    settled: int = 0
    confirmed_unmarked: bool = False


class Relay:
    """Publishes what `emit` wrote. Woken by NOTIFY; polls every `poll_s` as the safety net.

    A crash after the publish and before the mark publishes again: the stream's duplicate window or the
    consumers' inbox absorbs it. Nothing is published within a transaction: a relay that hangs holds no lock, and
    loses its lease.
    """

    def __init__(
        self, database: Database, bus: Bus, *, batch_size: int = 256, poll_s: float = 1.0,
        check_streams_s: float = 5.0, lease_s: float = 5.0,
    ) -> None:
        self._database, self._bus = database, bus
        self._batch_size, self._poll_s, self._check_streams_s = batch_size, poll_s, check_streams_s
        self._lease = Lease(database, "relay", lease_s)
        self._generations = StreamGenerations()
        self._checked_at = self._measured_at = float("-inf")
        self._checked_epoch: Epoch | None = None

    async def run(self) -> None:
        """Until cancelled. Survives NATS and PostgreSQL being away."""
        failing = False
        async with PgListener(self._database.url, NOTIFY_CHANNEL) as listener, self._lease.released_at_the_end():
            while True:
                try:
                    await self._round()
                    failing = False
                except Exception as error:
                    if not failing:
                        _log.warning("relay_waits", error=repr(error))
                    failing = True
                await listener.wait(self._poll_s)

    async def publish_pending(self) -> int:
        """One pass over what waits; the number of rows that need no second look.

        A job whose events do not get through holds up its own events only.
        """
        total, position, stuck = 0, 0, set[str]()
        for _ in range(_BATCHES_OF_A_PASS):
            if not self._bus.is_connected:
                break
            batch = await self._publish_batch(position, stuck)
            total += batch.settled
            if batch.confirmed_unmarked:
                continue  # the stream was seen for the first time: these rows go once more, then they are marked
            if len(batch.rows) < self._batch_size:
                break
            position = batch.rows[-1].position
        return total

    async def refill_lost_streams(self) -> bool:
        """Mark rows as unpublished that a lost stream, or the lost end of a restored one, had confirmed.

        False while a stream is missing: what it had cannot be refilled before it is made again.
        """
        lost, complete = await self._generations.lost(self._database, self._bus.jetstream)
        if lost and not await self._lease.hold():
            return False
        for stream in lost:
            seen = await self._generations.look(self._bus.jetstream, stream)
            async with self._database.transaction() as tx:
                await requeue_lost(tx, stream, seen)
        return complete

    async def _round(self) -> None:
        await self._check_streams()
        await self.publish_pending()
        await self._measure()

    async def _check_streams(self) -> None:
        """At every new connection and every few seconds: the server may have lost its store meanwhile."""
        epoch, now = self._bus.connection.epoch, time.monotonic()
        if epoch is None:
            return
        if epoch == self._checked_epoch and now - self._checked_at < self._check_streams_s:
            return
        if await self.refill_lost_streams():
            self._checked_at, self._checked_epoch = now, epoch

    async def _publish_batch(self, after: int, stuck: set[str]) -> Batch:
        async with self._database.read() as connection:
            rows = (await connection.execute(_unpublished(after, self._batch_size))).all()
        if not rows or not await self._lease.hold():
            return Batch()
        await self._generations.look_ahead(self._bus.jetstream, {row.subject for row in rows})
        known = self._generations.names
        published = await publish_by_key(self._bus.jetstream, [row for row in rows if key_of(row) not in stuck])
        stuck |= published.stuck
        # A generation learnt only now could be younger than the confirmation: such rows are published once more.
        certain = [(row, ack) for row, ack in published.confirmed if ack.stream in known]
        for stream in {ack.stream for _, ack in published.confirmed} - known:
            await self._generations.look(self._bus.jetstream, stream)
        async with self._database.transaction() as tx:
            await self._mark(tx, certain)
            await _park(tx, published)
        return Batch(rows, len(certain) + len(published.refused), len(certain) < len(published.confirmed))

    async def _mark(self, tx: AsyncConnection, confirmed: Sequence[tuple[Row[Any], PubAck]]) -> None:
        if confirmed:
            await tx.execute(_MARK, [self._marks(row, ack) for row, ack in confirmed])
        for _, ack in confirmed:
            OUTBOX_PUBLISHED.labels(ack.stream).inc()

    def _marks(self, row: Row[Any], ack: PubAck) -> dict[str, Any]:
        return {
            "row_id": row.id,
            "row_stream": ack.stream,
            "row_created": self._generations.created(ack.stream),
            "row_sequence": ack.seq,
        }

    async def _measure(self) -> None:
        if time.monotonic() - self._measured_at < _MEASURE_INTERVAL_S:
            return
        self._measured_at = time.monotonic()
        async with self._database.read() as connection:
            state = await backlog(connection)
        OUTBOX_BACKLOG.set(state.unpublished)
        OUTBOX_AGE.set(state.age_s)
        OUTBOX_PARKED.set(state.parked)


async def _park(tx: AsyncConnection, published: Published) -> None:
    for row, reason in published.refused:
        _log.critical("event_parked", subject=row.subject, event_id=str(row.id), reason=reason)
        await tx.execute(_PARK, {"row_id": row.id, "reason": reason[:500]})


def _unpublished(after: int, limit: int) -> Any:
    columns = (OUTBOX.c.id, OUTBOX.c.position, OUTBOX.c.subject, OUTBOX.c.event, OUTBOX.c.headers)
    waiting = (OUTBOX.c.published_at.is_(None), OUTBOX.c.parked_at.is_(None), OUTBOX.c.position > after)
    return select(*columns).where(*waiting).order_by(OUTBOX.c.position).limit(limit)
