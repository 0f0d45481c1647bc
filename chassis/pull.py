"""Pulling messages of one durable consumer through every kind of trouble, and keeping them ours meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
from nats.js import JetStreamContext

from chassis.delivery import Delivery
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
        self._epoch = -1
        self.trouble: str | None = None

    async def fetch(self, count: int, wait_s: float) -> list[Delivery]:
        """Up to `count` messages; empty after `wait_s` without any, or after a pause when NATS is in trouble."""
        began = time.monotonic()
        try:
            subscription = await self._bind()
            messages = await subscription.fetch(count, timeout=wait_s)
            deliveries = [Delivery(message, self._connection, self._epoch) for message in messages]
        except TimeoutError:
            # nats-py raises both its own TimeoutError and the bare asyncio one for "nothing came" (2.16).
            deliveries = []
        except Exception as error:
            await self._troubled(error)
            return []
        self._well()
        if not deliveries and time.monotonic() - began < min(wait_s, 0.05):
            await asyncio.sleep(_PAUSE_AFTER_TROUBLE_S)  # answered "no" at once: do not spin
        return deliveries

    async def close(self) -> None:
        if self._subscription is not None:
            with suppress(Exception):
                await self._subscription.unsubscribe()
            self._subscription = None

    async def _bind(self) -> JetStreamContext.PullSubscription:
        """The subscription of this connection epoch; what still lay in an older one's queue comes again."""
        jetstream, epoch = self._connection.jetstream, self._connection.epoch
        if self._subscription is None or self._epoch != epoch:
            await self.close()
            self._subscription = await jetstream.pull_subscribe_bind(
                consumer=self._spec.durable, stream=self._spec.stream
            )
            self._epoch = epoch
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
        self._held: dict[int, Delivery] = {}
        self._gauge = MESSAGES_IN_FLIGHT.labels(spec.durable)

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def holding(self, *deliveries: Delivery) -> Iterator[None]:
        for delivery in deliveries:
            self._held[id(delivery)] = delivery
        self._gauge.set(len(self._held))
        try:
            yield
        finally:
            for delivery in deliveries:
                del self._held[id(delivery)]
            self._gauge.set(len(self._held))

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
            for delivery in list(self._held.values()):
                await delivery.in_progress()
