"""The relay: publishes the outbox in order, waits for the stream's confirmation, and refills streams that were lost."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from nats.js import JetStreamContext
from nats.js.api import PubAck
from sqlalchemy import Row, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.bus import Bus
from chassis.database import Database
from chassis.incarnations import Incarnations
from chassis.message_metrics import OUTBOX_AGE, OUTBOX_BACKLOG, OUTBOX_PUBLISHED
from chassis.outbox import NOTIFY_CHANNEL, OUTBOX, backlog
from chassis.raw_message import MESSAGE_ID_HEADER
from chassis.wakeup import Wakeup

_log = structlog.get_logger(__name__)

# One relay per database publishes at a time, so that replicas keep the order: the holder of this lock.
RELAY_LOCK = 7_201_341

PUBLISH_TIMEOUT_S = 5.0
_MEASURE_INTERVAL_S = 2.0
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


@dataclass(frozen=True)
class Confirmed:
    row: Row[Any]
    ack: PubAck


@dataclass(frozen=True)
class Batch:
    """Of `rows` unpublished ones, `confirmed` were stored by their streams and `marked` as such here."""

    rows: int = 0
    confirmed: int = 0
    marked: int = 0


class Relay:
    """Publishes what `emit` wrote. Woken by NOTIFY; polls every `poll_s` as the safety net.

    A crash after the publish and before the mark publishes again: the stream's duplicate window or the
    consumers' inbox absorbs it. Events about one job are published one after another; different jobs overlap.
    """

    def __init__(
        self, database: Database, bus: Bus, *, batch_size: int = 256, poll_s: float = 1.0,
        check_streams_s: float = 5.0,
    ) -> None:
        self._database, self._bus = database, bus
        self._batch_size, self._poll_s, self._check_streams_s = batch_size, poll_s, check_streams_s
        self._incarnations = Incarnations()
        self._checked_at, self._checked_epoch = float("-inf"), -1
        self._measured_at = float("-inf")
        self._failing = False

    async def run(self) -> None:
        """Until cancelled. Survives NATS and PostgreSQL being away."""
        async with Wakeup(self._database.url, NOTIFY_CHANNEL) as wakeup:
            while True:
                await self._round()
                await wakeup.wait(self._poll_s)

    async def publish_pending(self) -> int:
        """Publish until nothing is left or nothing goes through; the number of rows confirmed."""
        total = 0
        while True:
            batch = await self._publish_batch()
            total += batch.marked
            if not batch.confirmed or (batch.rows < self._batch_size and batch.marked == batch.confirmed):
                return total

    async def refill_lost_streams(self) -> bool:
        """Mark rows as unpublished that a lost stream, or the lost end of a restored one, had confirmed.

        False while a stream is missing: what it had cannot be refilled before it is made again.
        """
        jetstream = self._bus.jetstream
        async with self._database.transaction() as tx:
            await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": RELAY_LOCK})
            return await self._incarnations.requeue_lost(tx, jetstream)

    async def _round(self) -> None:
        try:
            await self._check_streams()
            await self.publish_pending()
            await self._measure()
            self._failing = False
        except Exception as error:
            if not self._failing:
                _log.warning("relay_waits", error=repr(error))
            self._failing = True

    async def _check_streams(self) -> None:
        """At every new connection and every few seconds: the server may have lost its store meanwhile."""
        epoch, now = self._bus.connection.epoch, time.monotonic()
        if not self._bus.is_connected:
            return
        if epoch == self._checked_epoch and now - self._checked_at < self._check_streams_s:
            return
        if await self.refill_lost_streams():
            self._checked_at, self._checked_epoch = now, epoch

    async def _publish_batch(self) -> Batch:
        if not self._bus.is_connected:
            return Batch()
        async with self._database.transaction() as tx:
            if not await tx.scalar(select(func.pg_try_advisory_xact_lock(RELAY_LOCK))):
                return Batch()  # another replica is at it
            rows = (await tx.execute(_oldest_unpublished(self._batch_size))).all()
            confirmed = await publish_in_lanes(self._bus.jetstream, rows)
            marked = await self._mark(tx, confirmed)
        return Batch(len(rows), len(confirmed), marked)

    async def _mark(self, tx: AsyncConnection, confirmed: list[Confirmed]) -> int:
        """Remember which incarnation of which stream has each row.

        The incarnation must have been known before the publish: learnt only now, it could be younger than the
        confirmation. Rows of a stream seen for the first time are therefore published once more.
        """
        known = [item for item in confirmed if self._incarnations.knows(item.ack.stream)]
        for stream in {item.ack.stream for item in confirmed} - {item.ack.stream for item in known}:
            await self._incarnations.learn(self._bus.jetstream, stream)
        if known:
            await tx.execute(_MARK, [self._marks(item) for item in known])
        for item in known:
            OUTBOX_PUBLISHED.labels(item.ack.stream).inc()
        return len(known)

    def _marks(self, item: Confirmed) -> dict[str, Any]:
        return {
            "row_id": item.row.id,
            "row_stream": item.ack.stream,
            "row_created": self._incarnations.created(item.ack.stream),
            "row_sequence": item.ack.seq,
        }

    async def _measure(self) -> None:
        if time.monotonic() - self._measured_at < _MEASURE_INTERVAL_S:
            return
        self._measured_at = time.monotonic()
        async with self._database.read() as tx:
            state = await backlog(tx)
        OUTBOX_BACKLOG.set(state.unpublished)
        OUTBOX_AGE.set(state.age_s)


async def publish_in_lanes(jetstream: JetStreamContext, rows: Sequence[Row[Any]]) -> list[Confirmed]:
    """Publish rows: one after another within a lane (the last token of the subject, the job), lanes at once.

    A lane ends at its first failure, so that nothing overtakes.
    """
    lanes: dict[str, list[Row[Any]]] = {}
    for row in rows:
        lanes.setdefault(row.subject.rpartition(".")[2], []).append(row)
    results = await asyncio.gather(*(_publish_lane(jetstream, lane) for lane in lanes.values()))
    return [item for lane in results for item in lane]


async def _publish_lane(jetstream: JetStreamContext, rows: list[Row[Any]]) -> list[Confirmed]:
    confirmed: list[Confirmed] = []
    for row in rows:
        headers = {**row.headers, MESSAGE_ID_HEADER: str(row.id)}
        try:
            ack = await jetstream.publish(
                row.subject, row.event.encode(), timeout=PUBLISH_TIMEOUT_S, headers=headers
            )
        except Exception as error:
            _log.warning("event_not_published", subject=row.subject, event_id=str(row.id), error=repr(error))
            break
        confirmed.append(Confirmed(row, ack))
    return confirmed


def _oldest_unpublished(limit: int) -> Any:
    columns = (OUTBOX.c.id, OUTBOX.c.subject, OUTBOX.c.event, OUTBOX.c.headers)
    return select(*columns).where(OUTBOX.c.published_at.is_(None)).order_by(OUTBOX.c.position).limit(limit)
