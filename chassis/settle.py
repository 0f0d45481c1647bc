"""How a taken message ends: acknowledged, given back for later, or dead-lettered."""

import asyncio

import structlog

from chassis.deadletter import HasJetStream, bury
from chassis.delivery import Delivery
from chassis.message_metrics import CONSUMER_STOPPED, MESSAGES
from chassis.retry import Failure, Tries, classify, defer_delay
from contracts.streams import ConsumerSpec

_log = structlog.get_logger(__name__)

_BURY_RETRY_S = 5.0


class Settlement:
    """The ends of one consumer's messages.

    After `dead_letter_limit` dead letters without a success in between, the consumer is broken rather than its
    messages: `stopped` then says so until the process restarts.
    """

    def __init__(self, spec: ConsumerSpec, letters: HasJetStream, *, dead_letter_limit: int = 20) -> None:
        self._spec, self._letters, self._limit = spec, letters, dead_letter_limit
        self._tries = Tries()
        self._dead_in_a_row = 0
        self._deferred_in_a_row = 0
        self._resume_at = 0.0
        self.stopped: str | None = None
        CONSUMER_STOPPED.labels(spec.durable).set(0)

    async def succeeded(self, delivery: Delivery) -> None:
        """Acknowledge. When the ack is lost the message comes again, and its event id is known."""
        self._dead_in_a_row = self._deferred_in_a_row = 0
        self._resume_at = 0.0
        self._tries.settled(delivery.raw.stream_sequence)
        await delivery.ack()

    async def failed(self, delivery: Delivery, error: BaseException) -> None:
        """Decide by the kind of error and by how often this message has failed."""
        failure = classify(error)
        if failure is Failure.DEFERRED:
            await self._defer(delivery, error)
            return
        sequence = delivery.raw.stream_sequence
        failures = self._tries.failed(sequence)
        if failure is Failure.COUNTED and failures <= len(self._spec.retry_delays_s):
            await self._retry(delivery, error, self._spec.retry_delays_s[failures - 1], failures)
        else:
            await self.dead_letter(delivery, error)

    async def dead_letter(self, delivery: Delivery, error: BaseException | str) -> None:
        """Store the message with the reason, then end its deliveries. When it cannot be stored it comes again."""
        try:
            await bury(self._letters, delivery.raw, consumer=self._spec.durable, error=error)
        except Exception as problem:
            _log.warning("dead_letter_not_stored", durable=self._spec.durable, error=repr(problem))
            await self.give_back(delivery, _BURY_RETRY_S)
            return
        _log.error("message_dead_lettered", durable=self._spec.durable, subject=delivery.raw.subject, error=repr(error))
        MESSAGES.labels(self._spec.durable, "dead_lettered").inc()
        self._tries.settled(delivery.raw.stream_sequence)
        await delivery.term()
        self._count_dead_letter()

    async def give_back(self, delivery: Delivery, delay_s: float | None = None) -> None:
        """Hand back to the server for delivery after `delay_s`, unless already settled or the connection is gone."""
        await delivery.nak(delay_s)

    async def wait_while_deferring(self) -> None:
        """While infrastructure is away there is no point in taking more messages."""
        delay = self._resume_at - asyncio.get_running_loop().time()
        if delay > 0:
            await asyncio.sleep(delay)

    async def _defer(self, delivery: Delivery, error: BaseException) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._resume_at:  # failures of one moment are one
            self._deferred_in_a_row += 1
            self._resume_at = now + defer_delay(self._deferred_in_a_row)
            _log.warning("infrastructure_away", durable=self._spec.durable, error=repr(error),
                         retry_in_s=round(self._resume_at - now, 1))
        MESSAGES.labels(self._spec.durable, "deferred").inc()
        await self.give_back(delivery, max(0.1, self._resume_at - now))

    async def _retry(self, delivery: Delivery, error: BaseException, delay_s: float, failures: int) -> None:
        _log.warning("message_failed", durable=self._spec.durable, subject=delivery.raw.subject, error=repr(error),
                     failures=failures, retry_in_s=delay_s, exc_info=error)
        MESSAGES.labels(self._spec.durable, "failed").inc()
        await self.give_back(delivery, delay_s)

    def _count_dead_letter(self) -> None:
        self._dead_in_a_row += 1
        if self._dead_in_a_row >= self._limit and self.stopped is None:
            self.stopped = f"stopped after {self._dead_in_a_row} dead letters in a row"
            CONSUMER_STOPPED.labels(self._spec.durable).set(1)
            _log.critical("consumer_stopped", durable=self._spec.durable, dead_letters=self._dead_in_a_row)
