"""A service's door to NATS: events and requests in, requests out. Declares no stream and no consumer
(`chassis.topology` does)."""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from nats.js import JetStreamContext
from pydantic import BaseModel

from chassis.cancellation import cancel_and_wait
from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.messaging.attempts import AttemptLog
from chassis.messaging.connection import NatsConnection
from chassis.messaging.durable import DurableSubscriber
from chassis.messaging.events import EventRouter
from chassis.messaging.losses import LossWatch
from chassis.messaging.metrics import prepare_service_metrics
from chassis.messaging.middleware import EVENT_MIDDLEWARES, REQUEST_MIDDLEWARES
from chassis.messaging.raw_batches import BatchHandler, RawBatchConsumer
from chassis.messaging.requests import RequestRouter
from chassis.messaging.rpc_client import RpcClient
from chassis.messaging.settlement import Settlement
from contracts.rpc.spec import Rpc
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
    @property
    def request_timeout_s(self) -> float: ...


class Bus:
    """`include` routers and `consume_raw_batches`, then `start`. After that the bus outlives every trouble of NATS and
    PostgreSQL by itself; `health_issues` says what is wrong at present."""

    def __init__(
        self, settings: BusSettings, database: Database | None = None, instance: str | None = None, *,
        dead_letter_limit: int = 0, handler_timeout_s: float = 300.0, grace_s: float = 10.0,
        clock: Clock | None = None, tls: ssl.SSLContext | None = None,
    ) -> None:
        self.losses = LossWatch(clock)
        self.service = settings.service_name
        prepare_service_metrics(self.service)
        self.instance = instance or f"{socket.gethostname()}-{os.getpid()}"
        self._database = database
        self._dead_letter_limit, self._handler_timeout_s = dead_letter_limit, handler_timeout_s
        self._durables: list[DurableSubscriber] = []
        self._batch_consumers: list[RawBatchConsumer] = []
        self._running: list[asyncio.Task[None]] = []
        # Own inbox prefix: credentials can then be limited to it (a bare _INBOX.> reads everybody's replies).
        self.connection = NatsConnection(
            settings.nats_url, name=f"{self.service}/{self.instance}", inbox_prefix=f"_INBOX_{self.service}",
            creds_file=settings.nats_creds_file, grace_s=grace_s,
            tls=tls,
        )
        self.connection.provide({"database": database})
        self._rpc = RpcClient(self.connection, settings.request_timeout_s)

    def include(self, *routers: EventRouter | RequestRouter, **context: Any) -> None:
        """Handle what the routers declare; handlers find `context` by FromContext.

        Raises ValueError when an event of a durable has no handler.
        """
        self.connection.provide(context)
        for router in routers:
            copy = router.copy()
            if isinstance(copy, EventRouter):
                self._adopt(copy.durables)
                self.connection.broker.include_router(copy, middlewares=EVENT_MIDDLEWARES)
            else:
                self.connection.broker.include_router(copy, middlewares=REQUEST_MIDDLEWARES)

    def consume_raw_batches(
        self, consumer: ConsumerSpec, handler: BatchHandler, batch_size: int | None = None, max_wait_s: float = 0.2,
    ) -> None:
        """Handle a durable in batches: `async handler(list[RawMessage]) -> list[Outcome]`, one outcome for each.

        No inbox: the effect must be idempotent and committed when the handler returns.
        """
        made = RawBatchConsumer(
            consumer, handler, connection=self.connection, settlement=self._settlement(consumer),
            batch_size=batch_size or consumer.batch_size, max_wait_s=max_wait_s,
        )
        made.watch_losses(self.losses)
        self._batch_consumers.append(made)

    async def request(self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float | None = None) -> ReplyT:
        """Ask another service, for `timeout_s` seconds at most (None: the settings' `request_timeout_s`).

        Raises its ProblemError, or ServiceUnavailable (503) without an answer."""
        return await self._rpc.request(rpc, request, timeout_s)

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
        for consumer in self._batch_consumers:
            self._running.append(asyncio.create_task(consumer.run(), name=consumer.spec.durable))

    async def stop(self, grace_s: float = 10.0) -> None:
        """Take nothing new, let running handlers finish within `grace_s`, then disconnect."""
        await cancel_and_wait(*self._running)
        self._running.clear()
        await asyncio.gather(
            *(consumer.drain(grace_s) for consumer in self._batch_consumers),
            *(durable.stop(grace_s) for durable in self._durables),
        )
        with suppress(Exception):
            await self.connection.client.flush(timeout=2)
        await self.connection.stop()

    def health_issues(self) -> list[str]:
        """What is wrong with messages just now; empty when all is well."""
        found = [] if self.is_connected else ["NATS is not connected"]
        found += [f"{c.spec.durable}: {c.health_issue}" for c in self._consumers if c.health_issue]
        return found + [f"{task.get_name()}: consumer task ended" for task in self._running if task.done()]

    def trouble_of(self, spec: ConsumerSpec) -> str:
        """Why this consumer takes nothing just now; empty when all is well."""
        return next((c.health_issue or "" for c in self._consumers if c.spec.durable == spec.durable), "")

    @property
    def consumers(self) -> tuple[ConsumerSpec, ...]:
        return tuple(consumer.spec for consumer in self._consumers)

    @property
    def _consumers(self) -> list[DurableSubscriber | RawBatchConsumer]:
        return [*self._durables, *self._batch_consumers]

    def _adopt(self, durables: Iterable[DurableSubscriber]) -> None:
        for durable in durables:
            if missing := [event.event_type() for event in durable.unhandled]:
                raise ValueError(f"{durable.spec.durable} has no handler for {', '.join(missing)}")
            durable.settlement = self._settlement(durable.spec)
            durable.handler_timeout_s = self._handler_timeout_s
            durable.watch_losses(self.losses)
            self._durables.append(durable)

    def _settlement(self, consumer: ConsumerSpec) -> Settlement:
        if self._database is None:
            raise ValueError(f"{consumer.durable} needs a database for its inbox")
        attempts = AttemptLog(self._database, consumer.durable)
        return Settlement(consumer, self.connection, attempts, dead_letter_limit=self._dead_letter_limit)
