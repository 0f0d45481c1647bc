"""A FastStream subscriber that pulls from an existing durable consumer.

FastStream's own (0.7.8) creates a missing durable and drops what it had fetched when nats-py raises the bare
asyncio.TimeoutError. This file and `broker.py` are all that touches FastStream's internals: its version is pinned,
and tests/chassis/messaging is the gate of an upgrade.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from inspect import unwrap
from typing import Any

from faststream import AckPolicy
from faststream._internal.broker.registrator import Registrator
from faststream._internal.endpoint.subscriber.call_item import CallsCollection
from faststream.nats import ConsumerConfig, JStream, NatsMessage, NatsRouter, PullSub
from faststream.nats.subscriber.config import NatsSubscriberConfig, NatsSubscriberSpecificationConfig
from faststream.nats.subscriber.specification import NatsSubscriberSpecification
from faststream.nats.subscriber.usecases import PullStreamSubscriber

from chassis.cancellation import cancel_and_wait
from chassis.messaging.delivery import Delivery
from chassis.messaging.keyed_lock import KeyedLock
from chassis.messaging.losses import LossWatch
from chassis.messaging.pull import InFlight, Puller
from chassis.messaging.raw_message import read_event
from chassis.messaging.settlement import Settlement
from contracts.envelope import Event, EventData
from contracts.streams import ConsumerSpec

_IDLE_PULL_S = 2.0


async def _read(message: NatsMessage) -> Event[Any]:
    return read_event(message.raw_message)


class DurableSubscriber(PullStreamSubscriber):
    """Runs one durable. Messages of one job are handled one after another, those of different jobs in parallel.

    Order is still not promised: a message that must be retried is overtaken by the next one. `settlement` is given
    by the bus before the start.
    """

    settlement: Settlement
    handler_timeout_s: float = 300.0
    # Its handlers' transactions reach the rows of the event's workspace, or of all.
    every_workspace: bool = False

    def __init__(self, spec: ConsumerSpec, *args: Any) -> None:
        super().__init__(*args, queue="", pull_sub=PullSub(spec.batch_size), stream=JStream(spec.stream, declare=False))
        self.spec = spec
        self._declared: list[tuple[Callable[..., Any], dict[str, Any]]] = []
        self._puller = Puller(lambda: self.connection, spec)
        self._in_flight = InFlight(spec)
        self._by_job, self._slots = KeyedLock(), asyncio.Semaphore(spec.concurrency)
        self._handling: set[asyncio.Task[None]] = set()

    @classmethod
    def of(cls, spec: ConsumerSpec, config: Any) -> "DurableSubscriber":
        calls: CallsCollection[Any] = CallsCollection()
        filters = list(spec.filters())
        subscriber_config = NatsSubscriberConfig(
            subject="", sub_config=ConsumerConfig(durable_name=spec.durable, filter_subjects=filters),
            no_reply=True, _outer_config=config, _ack_policy=AckPolicy.MANUAL,
        )
        specification = NatsSubscriberSpecification(
            _outer_config=config, calls=calls,
            specification_config=NatsSubscriberSpecificationConfig(
                subject="", queue=None, filter_subjects=filters, title_=spec.durable, description_=None,
                include_in_schema=True,
            ),
        )
        made = cls(spec, subscriber_config, specification, calls)
        return made.add_call(parser_=None, decoder_=_read, dependencies_=())

    @classmethod
    def added_to(cls, router: NatsRouter, spec: ConsumerSpec) -> "DurableSubscriber":
        """Made for a router and registered with it; its own `subscriber()` makes FastStream's."""
        made = cls.of(spec, router.config)
        Registrator.subscriber(router, made)
        return made

    def __call__(self, func: Any = None, **options: Any) -> Any:
        if func is None:
            return lambda handler: self(handler, **options)
        self._declared.append((func, options))
        return super().__call__(func, **options)

    def declare_on(self, other: "DurableSubscriber") -> None:
        """Give another subscriber the same handlers."""
        for func, options in self._declared:
            other(func, **options)

    def watch_losses(self, losses: LossWatch) -> None:
        self._puller.losses = losses

    @property
    def unhandled(self) -> list[type[EventData]]:
        """Events of the spec that no handler is about."""
        handled = {event for call in self.calls for event in getattr(unwrap(call.filter), "events", self.spec.events)}
        return [event for event in self.spec.events if event not in handled]

    @property
    def health_issue(self) -> str | None:
        return self.settlement.health_issue or self._puller.health_issue

    async def _create_subscription(self) -> None:
        self.add_task(self._in_flight.keep_alive)
        self.add_task(self._pull)

    async def stop(self, grace_s: float | None = None) -> None:
        """Take nothing new; let handlers finish; what is left after the grace goes back to the server at once."""
        tasks, self.tasks[:] = tuple(self.tasks), ()
        await cancel_and_wait(*tasks)
        if self._handling:
            async with self._in_flight.kept_alive():
                grace = self._outer_config.graceful_timeout if grace_s is None else grace_s
                await asyncio.wait(set(self._handling), timeout=grace)
            await cancel_and_wait(*self._handling)
        await self._puller.close()
        with suppress(Exception):
            await super().stop()

    async def _pull(self) -> None:
        while True:
            await self.settlement.wait_until_open()
            if (room := self.spec.batch_size - len(self._handling)) <= 0:
                await asyncio.wait(set(self._handling), return_when=asyncio.FIRST_COMPLETED)
                continue
            for delivery in await self._puller.fetch(room, _IDLE_PULL_S):
                task = asyncio.create_task(self._hold(delivery))
                self._handling.add(task)
                task.add_done_callback(self._handling.discard)

    async def _hold(self, delivery: Delivery) -> None:
        with self._in_flight.holding(delivery):
            try:
                async with self._by_job.hold(delivery.raw.key), self._slots:
                    await self._take(delivery)
            except asyncio.CancelledError:
                await self.settlement.give_back(delivery)
                raise

    async def _take(self, delivery: Delivery) -> None:
        if self.settlement.is_paused:
            await self.settlement.give_back(delivery)
            return
        try:
            alone = await self.settlement.admit(delivery)
        except Exception as error:
            await self.settlement.failed(delivery, error)
            return
        if alone is None:
            await self.consume(delivery)
            return
        async with alone:
            await self.consume(delivery)
