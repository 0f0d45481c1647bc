"""Pulling messages of one durable consumer through every kind of trouble, and keeping them ours meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from chassis.messaging.connection import API_TIMEOUT_S, Epoch, epoch_of
from chassis.messaging.delivery import Delivery
from chassis.messaging.losses import LossWatch
from chassis.messaging.metrics import MESSAGES_IN_FLIGHT
from contracts.streams import ConsumerSpec

_log = structlog.get_logger(__name__)

_PAUSE_AFTER_TROUBLE_S = 0.5


class Puller:
    """Fetches from an existing durable. Declares nothing: a missing stream or consumer is waited for.

    `client` gives the connected client or raises. `health_issue` says why nothing can be fetched at present.
    `losses` looks before the first message of a connection is taken: afterwards the consumer stands elsewhere.
    """

    losses: LossWatch | None = None

    def __init__(self, client: Callable[[], Client], spec: ConsumerSpec) -> None:
        self._client, self._spec = client, spec
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._epoch: Epoch | None = None
        self.health_issue: str | None = None

    async def fetch(self, count: int, wait_s: float) -> list[Delivery]:
        """Up to `count` messages; empty after `wait_s` without any, or after a pause when NATS is in trouble."""
        began = time.monotonic()
        try:
            subscription, epoch = await self._bind()
            deliveries = [Delivery.of(message, epoch) for message in await subscription.fetch(count, timeout=wait_s)]
        except TimeoutError:
            # nats-py raises both its own TimeoutError and the bare asyncio one for "nothing came" (2.16).
            deliveries = []
        except Exception as error:
            await self._note_health_issue(error)
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

    async def _bind(self) -> tuple[JetStreamContext.PullSubscription, Epoch]:
        """The subscription of this connection epoch; what still lay in an older one's queue comes again."""
        client = self._client()
        if not client.is_connected:
            raise ConnectionError("NATS is not connected")
        epoch = epoch_of(client)
        if self._subscription is None or self._epoch != epoch:
            await self.close()
            jetstream = client.jetstream(timeout=API_TIMEOUT_S)
            if self.losses is not None:
                await self.losses.look(jetstream, self._spec)
            self._subscription = await jetstream.pull_subscribe_bind(
                consumer=self._spec.durable, stream=self._spec.stream
            )
            self._epoch = epoch
        return self._subscription, epoch

    def _well(self) -> None:
        if self.health_issue is not None:
            _log.info("consumer_recovered", durable=self._spec.durable)
        self.health_issue = None

    async def _note_health_issue(self, error: Exception) -> None:
        if self.health_issue is None:
            _log.warning("consumer_cannot_fetch", durable=self._spec.durable, error=repr(error))
        self.health_issue = f"cannot fetch: {error!r}"
        await asyncio.sleep(_PAUSE_AFTER_TROUBLE_S)


class InFlight:
    """Messages taken and not yet settled. Tells the server "in progress" every third of ack_wait, from the moment
    they were fetched, so that neither a long handler nor a queue in front of it leads to a second delivery."""

    def __init__(self, spec: ConsumerSpec) -> None:
        self._interval_s = spec.ack_wait_s / 3
        self._held: set[Delivery] = set()
        self._gauge = MESSAGES_IN_FLIGHT.labels(spec.durable)

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def holding(self, *deliveries: Delivery) -> Iterator[None]:
        self._held.update(deliveries)
        self._gauge.set(len(self._held))
        try:
            yield
        finally:
            self._held.difference_update(deliveries)
            self._gauge.set(len(self._held))

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keep_alive())
        try:
            yield
        finally:
            task.cancel()

    async def keep_alive(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            for delivery in tuple(self._held):
                await delivery.in_progress()
