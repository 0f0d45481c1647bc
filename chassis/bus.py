"""A service's door to NATS: consumers, answers, questions. Declares no stream and no consumer (chassis.topology)."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from pydantic import BaseModel

from chassis.cancellation import cancel_and_wait
from chassis.consume import EventConsumer, Handler
from chassis.database import Database
from chassis.nats_connection import NatsConnection
from chassis.raw_batches import BatchHandler, RawBatchConsumer
from chassis.request_reply import Endpoint, ask
from chassis.settle import Settlement
from contracts.envelope import EventData
from contracts.rpc.spec import PodRpc, Rpc
from contracts.streams import ConsumerSpec

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)


class BusSettings(Protocol):
    """What the bus takes from the service's settings."""

    @property
    def service_name(self) -> str: ...
    @property
    def nats_url(self) -> str: ...
    @property
    def nats_creds_file(self) -> str: ...


class Bus:
    """Register with `consume`, `consume_raw_batches`, `serve` and `serve_pods`, then `start`. After that the bus
    outlives every trouble of NATS and PostgreSQL by itself; `troubles` says what is wrong at present."""

    def __init__(
        self, settings: BusSettings, database: Database | None = None, instance: str | None = None, *,
        dead_letter_limit: int | None = None, handler_timeout_s: float = 300.0,
    ) -> None:
        self.service = settings.service_name
        self.instance = instance or f"{socket.gethostname()}-{os.getpid()}"
        self._database = database
        self._dead_letter_limit, self._handler_timeout_s = dead_letter_limit, handler_timeout_s
        self._endpoints: list[Endpoint] = []
        self._consumers: list[EventConsumer | RawBatchConsumer] = []
        self._running: list[asyncio.Task[None]] = []
        # Own inbox prefix: credentials can then be limited to it (a bare _INBOX.> reads everybody's replies).
        self.connection = NatsConnection(
            settings.nats_url, name=f"{self.service}/{self.instance}", inbox_prefix=f"_INBOX_{self.service}",
            creds_file=settings.nats_creds_file, register=self._register,
        )

    def consume(self, consumer: ConsumerSpec, handlers: Mapping[type[EventData], Handler]) -> None:
        """Handle a durable's events: `async handler(event, tx)`, where `tx` commits the effect with the inbox row.

        Permanent, ValidationError and unknown types are dead-lettered; other errors are retried by the spec's
        table first; while a database or another service is away the message waits without using up tries.
        """
        if missing := [event.event_type() for event in consumer.events if event not in handlers]:
            raise ValueError(f"{consumer.durable} has no handler for {', '.join(missing)}")
        if self._database is None:
            raise ValueError(f"{consumer.durable} needs a database for its inbox")
        self._consumers.append(EventConsumer(
            consumer, handlers, connection=self.connection, database=self._database,
            settlement=self._settlement(consumer), handler_timeout_s=self._handler_timeout_s,
        ))

    def consume_raw_batches(
        self, consumer: ConsumerSpec, handler: BatchHandler, batch_size: int | None = None, max_wait_s: float = 0.2,
    ) -> None:
        """Handle a durable in batches: `async handler(list[RawMessage]) -> list[Outcome]`, one outcome for each.

        No inbox: the effect must be idempotent and committed when the handler returns.
        """
        self._consumers.append(RawBatchConsumer(
            consumer, handler, connection=self.connection, settlement=self._settlement(consumer),
            batch_size=batch_size or consumer.batch_size, max_wait_s=max_wait_s,
        ))

    def serve(self, rpc: Rpc[RequestT, ReplyT], handler: Callable[[RequestT], Awaitable[ReplyT]]) -> None:
        """Answer a question. A ProblemError raised here is raised again at the caller."""

        async def answer(subject: str, request: Any) -> BaseModel:
            return await handler(request)

        self._endpoints.append(Endpoint(rpc.method, rpc.subject, self.service, rpc.request, answer))

    def serve_pods(
        self, rpc: PodRpc[RequestT, ReplyT], handler: Callable[[str, RequestT], Awaitable[ReplyT]]
    ) -> None:
        """Answer pods: `async handler(job_id, request)`. The job id comes from the subject, which NATS guards."""

        async def answer(subject: str, request: Any) -> BaseModel:
            return await handler(subject.rpartition(".")[2], request)

        self._endpoints.append(Endpoint(rpc.method, rpc.subject_filter, self.service, rpc.request, answer))

    async def request(
        self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float = 2.0
    ) -> ReplyT:
        """Ask another service. Raises its ProblemError, or ServiceUnavailable (503) without an answer."""
        return await ask(self.connection, rpc.subject, request, rpc.reply, timeout_s)

    async def publish_core(self, subject: str, payload: bytes) -> None:
        """Fire and forget: delivered to who listens now, or to nobody. Raises NotConnected."""
        await self.connection.client.publish(subject, payload)

    @property
    def jetstream(self) -> JetStreamContext:
        """Raises NotConnected."""
        return self.connection.jetstream

    @property
    def is_connected(self) -> bool:
        return self.connection.is_connected

    async def start(self, wait_s: float = 10.0) -> None:
        """Start consumers and answers. Returns after `wait_s` even when NATS is away: it goes on trying."""
        await self.connection.start(wait_s)
        for consumer in self._consumers:
            self._running.append(asyncio.create_task(consumer.run(), name=consumer.spec.durable))

    async def stop(self, grace_s: float = 10.0) -> None:
        """Take nothing new, let running handlers finish within `grace_s`, then disconnect."""
        await cancel_and_wait(*self._running)
        self._running.clear()
        await asyncio.gather(*(consumer.drain(grace_s) for consumer in self._consumers))
        with suppress(Exception):
            await self.connection.client.flush(timeout=2)
        await self.connection.stop()

    def troubles(self) -> list[str]:
        """Why this service should not count as ready, as far as messages go; empty when all is well."""
        found = [] if self.is_connected else ["NATS is not connected"]
        found += [f"{c.spec.durable}: {c.trouble}" for c in self._consumers if c.trouble]
        found += [f"{task.get_name()}: consumer task ended" for task in self._running
                  if task.done() and not self._stopped(task.get_name())]
        return found

    @property
    def consumers(self) -> tuple[ConsumerSpec, ...]:
        return tuple(consumer.spec for consumer in self._consumers)

    def _stopped(self, durable: str) -> bool:
        return any(c.settlement.stopped for c in self._consumers if c.spec.durable == durable)

    def _settlement(self, consumer: ConsumerSpec) -> Settlement:
        limit = self._dead_letter_limit or consumer.dead_letter_limit
        return Settlement(consumer, self.connection, dead_letter_limit=limit)

    def _register(self, broker: NatsBroker) -> None:
        for endpoint in self._endpoints:
            endpoint.register(broker)
