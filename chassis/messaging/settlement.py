"""How a taken message ends: acknowledged, given back for later, or dead-lettered."""

import asyncio
from contextlib import suppress

import structlog

from chassis.backoff import doubling_s
from chassis.messaging.attempts import AttemptLog, Attempts
from chassis.messaging.breaker import DeadLetterBreaker
from chassis.messaging.dead_letters import HasJetStream, dead_letter
from chassis.messaging.delivery import Delivery
from chassis.messaging.metrics import CONSUMER_STOPPED, MESSAGES, QUARANTINED_JOBS, prepare_consumer_metrics
from chassis.messaging.retry import Failure, Permanent, classify
from chassis.observability.propagation import trace_id_of
from contracts.streams import ConsumerSpec

_log = structlog.get_logger(__name__)

_DEAD_LETTER_RETRY_S = 5.0
# So many times the process ended while a handler was at this message.
CRASHES = 3


class Quarantined(Permanent):
    """The job has sent nothing but unusable messages lately."""


class KilledTheProcess(Permanent):
    """The process ended again and again while it handled this message."""


class Settlement:
    """The ends of one consumer's messages, and whether it may take more just now."""

    def __init__(
        self, spec: ConsumerSpec, dead_letters: HasJetStream, attempts: AttemptLog, *, dead_letter_limit: int = 0
    ) -> None:
        self._spec, self._dead_letters, self._attempts = spec, dead_letters, attempts
        self._breaker = DeadLetterBreaker(dead_letter_limit or spec.dead_letter_limit)
        self._deferred_in_a_row = 0
        self._resume_at = 0.0
        self._suspects = asyncio.Lock()
        self._recorded: set[Delivery] = set()
        prepare_consumer_metrics(spec.durable, spec.stream)

    @property
    def health_issue(self) -> str | None:
        return self._breaker.reason

    @property
    def is_paused(self) -> bool:
        return self._breaker.paused_for_s > 0

    async def wait_until_open(self) -> None:
        """While infrastructure is away, or everything is refused, there is no point in taking more messages."""
        loop = asyncio.get_running_loop()
        while (pause := max(self._resume_at - loop.time(), self._breaker.paused_for_s)) > 0:  # noqa: ASYNC110 - it grows
            await asyncio.sleep(pause)
        CONSUMER_STOPPED.labels(self._spec.durable).set(0)

    async def admit(self, delivery: Delivery) -> asyncio.Lock | None:
        """Before its handler: raises what dead-letters the message at once.

        A message at which the process ended before gets a lock to hold while it is handled: one of these at a
        time, so that the next crash is its own and not its neighbours'.
        """
        if self._breaker.is_quarantined(delivery.raw.key):
            raise Quarantined(f"job {delivery.raw.key} sent unusable messages only; its messages are set aside")
        if delivery.raw.deliveries == 1:
            return None
        (attempts,) = await self._attempts.of([delivery.raw])
        _refuse_killers(attempts)
        return self._suspects if attempts.unended else None

    async def begin(self, *deliveries: Delivery) -> None:
        """Leave a trace of second tries that a crash does not wipe out."""
        if again := [delivery for delivery in deliveries if delivery.raw.deliveries > 1]:
            await self._attempts.begin([delivery.raw for delivery in again])
            self._recorded.update(again)

    async def succeeded(self, delivery: Delivery) -> None:
        """Acknowledge. When the ack is lost the message comes again, and its event id is known.

        The trace of its tries goes first: of an acknowledged message it would stay for weeks.
        """
        self._deferred_in_a_row, self._resume_at = 0, 0.0
        self._breaker.succeeded(delivery.raw.key)
        await self._forget(delivery)
        await delivery.ack()

    async def failed(self, delivery: Delivery, error: BaseException) -> None:
        """Decide by the kind of error and by how often this message has failed."""
        failure = classify(error)
        if failure is Failure.PERMANENT:
            await self.dead_letter(delivery, error)
            return
        if failure is Failure.COUNTED:
            try:
                failures = await self._attempts.failed(delivery.raw)
            except Exception as away:
                error, failure = away, Failure.DEFERRED
        if failure is Failure.DEFERRED:
            await self._defer(delivery, error)
        elif failures <= len(self._spec.retry_delays_s):
            await self._retry(delivery, error, self._spec.retry_delays_s[failures - 1], failures)
        else:
            await self.dead_letter(delivery, error)

    async def dead_letter(self, delivery: Delivery, error: BaseException | str) -> None:
        """Store the message with the reason, then end its deliveries. When it cannot be stored it comes again."""
        try:
            await dead_letter(self._dead_letters, delivery.raw, consumer=self._spec.durable, error=error)
        except Exception as problem:
            _log.warning("dead_letter_not_stored", durable=self._spec.durable, error=repr(problem))
            await self.give_back(delivery, _DEAD_LETTER_RETRY_S)
            return
        _log.error("message_dead_lettered", durable=self._spec.durable, subject=delivery.raw.subject, error=repr(error),
                   **_about(delivery))
        MESSAGES.labels(self._spec.durable, "dead_lettered").inc()
        await delivery.term()
        await self._forget(delivery, always=delivery.raw.deliveries > 1)
        if not isinstance(error, Quarantined):
            self._count_dead_letter(delivery.raw.key)

    async def give_back(self, delivery: Delivery, delay_s: float | None = None) -> None:
        """Hand back to the server for delivery after `delay_s`, unless already settled or the connection is gone."""
        await delivery.nak(delay_s)
        if delivery in self._recorded:
            self._recorded.discard(delivery)
            with suppress(Exception):
                await self._attempts.ended([delivery.raw])

    async def _defer(self, delivery: Delivery, error: BaseException) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._resume_at:  # failures of one moment are one
            self._deferred_in_a_row += 1
            self._resume_at = now + doubling_s(self._deferred_in_a_row)
            _log.warning("infrastructure_away", durable=self._spec.durable, error=repr(error),
                         retry_in_s=round(self._resume_at - now, 1))
        MESSAGES.labels(self._spec.durable, "deferred").inc()
        await self.give_back(delivery, max(0.1, self._resume_at - now))

    async def _retry(self, delivery: Delivery, error: BaseException, delay_s: float, failures: int) -> None:
        _log.warning("message_failed", durable=self._spec.durable, subject=delivery.raw.subject, error=repr(error),
                     failures=failures, retry_in_s=delay_s, exc_info=error, **_about(delivery))
        MESSAGES.labels(self._spec.durable, "failed").inc()
        self._recorded.discard(delivery)  # the count of the failure ended it
        await self.give_back(delivery, delay_s)

    async def _forget(self, delivery: Delivery, *, always: bool = False) -> None:
        if always or delivery in self._recorded:
            self._recorded.discard(delivery)
            with suppress(Exception):  # a row too many is pruned one day
                await self._attempts.forget([delivery.raw])

    def _count_dead_letter(self, job: str) -> None:
        was_paused = self.is_paused
        self._breaker.dead_lettered(job)
        QUARANTINED_JOBS.labels(self._spec.durable).set(len(self._breaker.quarantined))
        if self.is_paused and not was_paused:
            CONSUMER_STOPPED.labels(self._spec.durable).set(1)
            _log.critical("consumer_stopped", durable=self._spec.durable, reason=self._breaker.reason)


def _about(delivery: Delivery) -> dict[str, str]:
    """For the log: the job, and the trace that the message belongs to."""
    trace_id = trace_id_of(delivery.raw.headers.get("traceparent"))
    return {"job_id": delivery.raw.key} | ({"trace_id": trace_id} if trace_id else {})


def _refuse_killers(attempts: Attempts) -> None:
    if attempts.unended >= CRASHES:
        raise KilledTheProcess(f"the process ended {attempts.unended} times while it handled this message")
