"""Pulling messages of one durable consumer through every kind of trouble, and keeping them ours meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis.message_metrics import MESSAGES_IN_FLIGHT
from chassis.nats_connection import NatsConnection
from contracts.streams import ConsumerSpec

_log = structlog.get_logger(__name__)

_PAUSE_AFTER_TROUBLE_S = 0.5


class Puller:
    """Fetches from an existing durable. Declares nothing: a missing stream or consumer is waited for.

    `trouble` says why nothing can be fetched at present, for readiness.
    """

    def __init__(self, connection: NatsConnection, spec: ConsumerSpec) -> None:
        self._connection, self._spec = connection, spec
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._client: Client | None = None
        self.trouble: str | None = None

    async def fetch(self, count: int, wait_s: float) -> list[Msg]:
        """Up to `count` messages; empty after `wait_s` without any, or after a pause when NATS is in trouble."""
        began = time.monotonic()
        try:
            subscription = await self._bind()
            messages = await subscription.fetch(count, timeout=wait_s)
        except TimeoutError:
            # nats-py raises both its own TimeoutError and the bare asyncio one for "nothing came" (2.16).
            self._well()
            messages = []
        except Exception as error:
            await self._troubled(error)
            return []
        self._well()
        if not messages and time.monotonic() - began < min(wait_s, 0.05):
            await asyncio.sleep(_PAUSE_AFTER_TROUBLE_S)  # answered "no" at once: do not spin
        return messages

    async def close(self) -> None:
        if self._subscription is not None:
            with suppress(Exception):
                await self._subscription.unsubscribe()
            self._subscription = None

    async def _bind(self) -> JetStreamContext.PullSubscription:
        client = self._connection.client
        if self._subscription is None or self._client is not client:
            self._client = client
            self._subscription = await self._connection.jetstream.pull_subscribe_bind(
                consumer=self._spec.durable, stream=self._spec.stream
            )
        return self._subscription

    def _well(self) -> None:
        if self.trouble is not None:
            _log.info("consumer_recovered", durable=self._spec.durable)
        self.trouble = None

    async def _troubled(self, error: Exception) -> None:
        if self.trouble is None:
            _log.warning("consumer_cannot_fetch", durable=self._spec.durable, error=repr(error))
        self.trouble = f"cannot fetch: {error!r}"
        await asyncio.sleep(_PAUSE_AFTER_TROUBLE_S)


class InFlight:
    """Messages taken and not yet settled. Tells the server "in progress" every third of ack_wait, from the moment
    they were fetched, so that neither a long handler nor a queue in front of it leads to a second delivery."""

    def __init__(self, spec: ConsumerSpec) -> None:
        self._interval_s = spec.ack_wait_s / 3
        self._messages: dict[int, Msg] = {}
        self._gauge = MESSAGES_IN_FLIGHT.labels(spec.durable)

    def __len__(self) -> int:
        return len(self._messages)

    @contextmanager
    def holding(self, *messages: Msg) -> Iterator[None]:
        for message in messages:
            self._messages[id(message)] = message
        self._gauge.set(len(self._messages))
        try:
            yield
        finally:
            for message in messages:
                del self._messages[id(message)]
            self._gauge.set(len(self._messages))

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._keep_alive())
        try:
            yield
        finally:
            task.cancel()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            for message in list(self._messages.values()):
                with suppress(Exception):  # a lost connection: the server redelivers, the inbox decides
                    if not message.is_acked:
                        await message.in_progress()
