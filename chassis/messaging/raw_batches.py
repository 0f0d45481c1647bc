"""A durable taken in batches of raw messages, for effects that are idempotent by themselves (metric points)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from chassis.cancellation import cancel_and_wait
from chassis.messaging.connection import NatsConnection
from chassis.messaging.delivery import Delivery
from chassis.messaging.losses import LossWatch
from chassis.messaging.metrics import BATCH_SECONDS, MESSAGES
from chassis.messaging.pull import InFlight, Puller
from chassis.messaging.raw_message import RawMessage
from chassis.messaging.retry import Failure, classify
from chassis.messaging.settlement import Settlement
from contracts.streams import ConsumerSpec

_IDLE_PULL_S = 2.0


class Verdict(Enum):
    DONE = "done"
    DEAD = "dead"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message of a batch. `error` says why it is dead or must be retried."""

    verdict: Verdict
    error: BaseException | None = None

    @classmethod
    def dead(cls, error: BaseException) -> "Outcome":
        return cls(Verdict.DEAD, error)

    @classmethod
    def retry(cls, error: BaseException) -> "Outcome":
        return cls(Verdict.RETRY, error)


DONE = Outcome(Verdict.DONE)

BatchHandler = Callable[[list[RawMessage]], Awaitable[Sequence[Outcome]]]


class RawBatchConsumer:
    """Runs one durable. `workers` batches are in hand at once, so that fetching overlaps with storing.

    A handler that raises for a whole batch is called again with each message alone: one bad message cannot
    take its neighbours with it.
    """

    def __init__(
        self, spec: ConsumerSpec, handler: BatchHandler, *, connection: NatsConnection, settlement: Settlement,
        batch_size: int, max_wait_s: float, workers: int = 2,
    ) -> None:
        self.spec, self._handler, self.settlement = spec, handler, settlement
        self._batch_size, self._max_wait_s = batch_size, max_wait_s
        self._pullers = [Puller(lambda: connection.client, spec) for _ in range(workers)]
        self._in_flight = InFlight(spec)
        self._batches: set[asyncio.Task[None]] = set()

    @property
    def health_issue(self) -> str | None:
        return self.settlement.health_issue or next((p.health_issue for p in self._pullers if p.health_issue), None)

    def watch_losses(self, losses: LossWatch) -> None:
        for puller in self._pullers:
            puller.losses = losses

    async def run(self) -> None:
        async with self._in_flight.kept_alive(), asyncio.TaskGroup() as group:
            for puller in self._pullers:
                group.create_task(self._work(puller))

    async def drain(self, grace_s: float) -> None:
        if self._batches:
            async with self._in_flight.kept_alive():
                await asyncio.wait(set(self._batches), timeout=grace_s)
        await cancel_and_wait(*self._batches)

    async def _work(self, puller: Puller) -> None:
        try:
            while True:
                await self.settlement.wait_until_open()
                if deliveries := await self._gather(puller):
                    batch = asyncio.create_task(self._hold(deliveries))
                    self._batches.add(batch)
                    batch.add_done_callback(self._batches.discard)
                    await asyncio.shield(batch)
        finally:
            await puller.close()

    async def _gather(self, puller: Puller) -> list[Delivery]:
        """A batch: full, or what came within `max_wait_s` of its first message."""
        deliveries = await puller.fetch(self._batch_size, _IDLE_PULL_S)
        deadline = time.monotonic() + self._max_wait_s
        while deliveries and len(deliveries) < self._batch_size and (left := deadline - time.monotonic()) > 0.001:
            more = await puller.fetch(self._batch_size - len(deliveries), left)
            if not more and puller.health_issue:
                break
            deliveries += more
        return deliveries

    async def _hold(self, deliveries: list[Delivery]) -> None:
        began = time.perf_counter()
        with self._in_flight.holding(*deliveries):
            try:
                await self._admit_and_take(deliveries)
            except asyncio.CancelledError:
                for delivery in deliveries:
                    await self.settlement.give_back(delivery)
                raise
        BATCH_SECONDS.labels(self.spec.durable).observe(time.perf_counter() - began)

    async def _admit_and_take(self, deliveries: list[Delivery]) -> None:
        """First deliveries together; what came before is looked at, and handled alone where the process had ended."""
        together: list[Delivery] = []
        for delivery in deliveries:
            try:
                alone = await self.settlement.admit(delivery)
            except Exception as error:
                await self.settlement.failed(delivery, error)
                continue
            if alone is None:
                together.append(delivery)
                continue
            async with alone:
                await self._begin_and_take([delivery])
        if together:
            await self._begin_and_take(together)

    async def _begin_and_take(self, deliveries: list[Delivery]) -> None:
        try:
            await self.settlement.begin(*deliveries)
        except Exception as error:
            for delivery in deliveries:
                await self.settlement.failed(delivery, error)
            return
        await self._take(deliveries)

    async def _take(self, deliveries: list[Delivery]) -> None:
        raws = [delivery.raw for delivery in deliveries]
        try:
            outcomes = await self._handler(raws)
            if len(outcomes) != len(deliveries):
                raise ValueError(f"{len(outcomes)} outcomes for {len(deliveries)} messages")
        except Exception as error:
            await self._batch_failed(deliveries, error)
            return
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            await self._settle(delivery, outcome)

    async def _batch_failed(self, deliveries: list[Delivery], error: Exception) -> None:
        if len(deliveries) == 1 or classify(error) is Failure.DEFERRED:
            for delivery in deliveries:
                await self.settlement.failed(delivery, error)
            return
        for delivery in deliveries:
            await self._take([delivery])

    async def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.DONE:
            await self.settlement.succeeded(delivery)
            MESSAGES.labels(self.spec.durable, "processed").inc()
        elif outcome.verdict is Verdict.DEAD:
            await self.settlement.dead_letter(delivery, outcome.error or "refused by the handler")
        else:
            await self.settlement.failed(delivery, outcome.error or RuntimeError("the handler asked for a retry"))
