"""One durable consumer of events: the effect and the inbox row in one transaction, the ack after the commit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.cancellation import cancel_and_wait
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.inbox import claim
from chassis.lanes import Lanes
from chassis.message_metrics import MESSAGE_SECONDS, MESSAGES
from chassis.message_tracing import message_span
from chassis.nats_connection import NatsConnection
from chassis.pull import InFlight, Puller
from chassis.raw_message import RawMessage, read_event
from chassis.retry import Permanent
from chassis.settle import Settlement
from contracts.envelope import Event, EventData
from contracts.streams import ConsumerSpec

Handler = Callable[[Event[Any], AsyncConnection], Awaitable[None]]

_IDLE_PULL_S = 2.0


class EventConsumer:
    """Runs one durable. Messages of one job are handled one after another, those of different jobs in parallel.

    Order is still not promised: a message that must be retried is overtaken by the next one.
    """

    def __init__(
        self, spec: ConsumerSpec, handlers: Mapping[type[EventData], Handler], *, connection: NatsConnection,
        database: Database, settlement: Settlement, concurrency: int = 8, handler_timeout_s: float = 300.0,
    ) -> None:
        self.spec, self._handlers, self._database = spec, dict(handlers), database
        self.settlement = settlement
        self._puller, self._in_flight = Puller(connection, spec), InFlight(spec)
        self._slots, self._handler_timeout_s = asyncio.Semaphore(concurrency), handler_timeout_s
        self._lanes = Lanes()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def trouble(self) -> str | None:
        return self.settlement.stopped or self._puller.trouble

    async def run(self) -> None:
        """Until cancelled, or until too many dead letters in a row."""
        async with self._in_flight.kept_alive():
            try:
                while not self.settlement.stopped:
                    await self._take_some()
                await asyncio.gather(*self._tasks, return_exceptions=True)
            finally:
                await self._puller.close()

    async def drain(self, grace_s: float) -> None:
        """Let running handlers finish; what is left after `grace_s` is given back to the server at once."""
        if self._tasks:
            async with self._in_flight.kept_alive():
                await asyncio.wait(set(self._tasks), timeout=grace_s)
        await cancel_and_wait(*self._tasks)

    async def _take_some(self) -> None:
        await self.settlement.wait_while_deferring()
        room = self.spec.batch_size - len(self._tasks)
        if room <= 0:
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
            return
        for delivery in await self._puller.fetch(room, _IDLE_PULL_S):
            task = asyncio.create_task(self._hold(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hold(self, delivery: Delivery) -> None:
        with self._in_flight.holding(delivery):
            try:
                async with self._lanes.hold(delivery.raw.subject.rpartition(".")[2]), self._slots:
                    await self._take(delivery)
            except asyncio.CancelledError:
                await self.settlement.give_back(delivery)
                raise

    async def _take(self, delivery: Delivery) -> None:
        if self.settlement.stopped:
            await self.settlement.give_back(delivery)
            return
        began = time.perf_counter()
        try:
            outcome = await self._effect(delivery.raw)
        except Exception as error:
            await self.settlement.failed(delivery, error)
        else:
            await self.settlement.succeeded(delivery)
            MESSAGES.labels(self.spec.durable, outcome).inc()
        MESSAGE_SECONDS.labels(self.spec.durable).observe(time.perf_counter() - began)

    async def _effect(self, raw: RawMessage) -> str:
        """Commit the handler's effect, once per event id."""
        event = read_event(raw)
        handler = self._handlers.get(type(event.data))
        if handler is None:
            raise Permanent(f"{self.spec.durable} has no handler for {event.type}")
        job_id = str(getattr(event.data, "job_id", ""))
        with message_span(
            f"consume {event.type}", SpanKind.CONSUMER, traceparent=event.traceparent,
            attributes={"messaging.system": "nats", "messaging.consumer.group.name": self.spec.durable,
                        "messaging.message.id": str(event.id)},
            job_id=job_id, event_id=str(event.id), event_type=event.type,
        ):
            async with asyncio.timeout(self._handler_timeout_s), self._database.transaction() as tx:
                if not await claim(tx, event_id=event.id, consumer=self.spec.durable):
                    return "duplicate"
                await handler(event, tx)
            return "processed"
