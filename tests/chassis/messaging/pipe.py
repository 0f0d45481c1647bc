"""A service in miniature over real servers: an effects table, a stream, a durable, and the chassis between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import nats
from nats.js import JetStreamContext
from sqlalchemy import BigInteger, Column, Identity, MetaData, Table, Text, Uuid, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.messaging import topology
from chassis.messaging.bus import Bus
from chassis.messaging.events import EventRouter, Tx, about
from chassis.messaging.outbox import OUTBOX, emit
from chassis.messaging.relay import Relay
from chassis.messaging.tables import add_messaging_tables
from contracts.envelope import Event, new_event
from contracts.events import JobDeleted
from contracts.identifiers import uuid7
from contracts.streams import ConsumerSpec, StreamSpec

Handler = Callable[[Event[Any], AsyncConnection], Awaitable[None]]

WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")
METADATA = MetaData()
add_messaging_tables(METADATA)
EFFECTS = Table(
    "effects", METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("worker", Text, nullable=False, server_default=""),
)

STREAM = StreamSpec("JOBS", ("job.>",), "test", max_bytes=64 * 1024**2)
DLQ = StreamSpec("DLQ", ("dlq.>",), "test", max_bytes=64 * 1024**2)
CONSUMER = ConsumerSpec(
    durable="listener_jobs", service="listener", stream="JOBS", events=(JobDeleted,), ack_wait_s=2.0,
    retry_delays_s=(0.1, 0.2), max_ack_pending=100, batch_size=16,
)


@dataclass(frozen=True)
class PipeSettings:
    service_name: str
    nats_url: str
    nats_creds_file: str = ""
    request_timeout_s: float = 2.0


def job_event(job_id: UUID | None = None) -> Event[Any]:
    return new_event(JobDeleted(job_id=job_id or uuid7(), workspace_id=WORKSPACE, deleted_by="tests"), source="/tests")


async def record(event: Event[Any], tx: AsyncConnection, worker: str = "") -> None:
    await tx.execute(insert(EFFECTS).values(event_id=event.id, worker=worker))


def events_to(handler: Handler, consumer: ConsumerSpec) -> EventRouter:
    """A router with this one handler."""
    router = EventRouter()

    @router.durable(consumer)(filter=about(*consumer.events))
    async def on_event(event: Event[Any], tx: Tx) -> None:
        await handler(event, tx)

    return router


@dataclass
class Pipe:
    """Speaker and listener share one database here; they would not in the product."""

    nats_url: str
    database: Database
    stream: StreamSpec = STREAM
    consumer: ConsumerSpec = CONSUMER
    _buses: list[Bus] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def apply_topology(self) -> None:
        client = await nats.connect(self.nats_url)
        await topology.apply(client.jetstream(timeout=30), [self.stream, DLQ], [self.consumer])
        await client.close()

    async def bus(self, handler: Handler | None = None, **options: Any) -> Bus:
        """A started bus; with a handler it consumes the durable."""
        bus = Bus(PipeSettings("listener", self.nats_url), self.database, **options)
        if handler is not None:
            bus.include(events_to(handler, self.consumer))
        await bus.start()
        self._buses.append(bus)
        return bus

    async def relay(self, bus: Bus, **options: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(Relay(self.database, bus, **options).run())
        self._tasks.append(task)
        return task

    async def watch_topology(self, bus: Bus) -> None:
        self._tasks.append(
            asyncio.create_task(topology.watch(bus.connection, [self.stream, DLQ], [self.consumer]))
        )

    async def say(self, *events: Event[Any]) -> None:
        async with self.database.transaction() as tx:
            for event in events:
                await emit(tx, event)

    async def effects(self) -> list[UUID]:
        async with self.database.read() as tx:
            return list((await tx.execute(select(EFFECTS.c.event_id).order_by(EFFECTS.c.id))).scalars())

    async def unpublished(self) -> int:
        async with self.database.read() as tx:
            return len((await tx.execute(select(OUTBOX.c.id).where(OUTBOX.c.published_at.is_(None)))).all())

    async def has_one_effect_each(self, events: list[Event[Any]], *, settle_s: float = 0.5) -> None:
        """Wait until every event has its effect, then a little longer for second ones."""
        wanted = {event.id for event in events}

        async def complete() -> bool:
            return wanted <= set(await self.effects())

        await eventually(complete)
        await asyncio.sleep(settle_s)
        found = await self.effects()
        assert sorted(found) == sorted(wanted)

    def with_consumer(self, **changes: Any) -> None:
        self.consumer = replace(self.consumer, **changes)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bus in self._buses:
            await bus.stop(grace_s=1.0)
        await self.database.dispose()


async def eventually(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60.0) -> None:
    """Until the condition holds; errors on the way (a server is down) count as "not yet"."""
    deadline, problem = time.monotonic() + timeout_s, None
    while time.monotonic() < deadline:
        try:
            if await condition():
                return
        except Exception as error:
            problem = error
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not come true within {timeout_s:g} s") from problem


async def raw_jetstream(nats_url: str) -> JetStreamContext:
    client = await nats.connect(nats_url)
    return client.jetstream(timeout=5)


async def stream_messages(nats_url: str, stream: str) -> int:
    js = await raw_jetstream(nats_url)
    try:
        return (await js.stream_info(stream)).state.messages
    finally:
        await js._nc.close()


async def ack_pending(nats_url: str, spec: ConsumerSpec) -> tuple[int, int]:
    """(delivered and unsettled, not yet delivered)."""
    js = await raw_jetstream(nats_url)
    try:
        info = await js.consumer_info(spec.stream, spec.durable)
    finally:
        await js._nc.close()
    return info.num_ack_pending or 0, info.num_pending or 0
