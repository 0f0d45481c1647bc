"""Noticing that a stream dropped messages before a consumer had settled them: by a limit, or by age."""

from dataclasses import dataclass

import structlog
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from chassis.clock import Clock, SystemClock
from chassis.messaging.metrics import MESSAGES_LOST
from contracts.registry import EVENTS
from contracts.streams import STREAMS, ConsumerSpec

_log = structlog.get_logger(__name__)

SHOWN_FOR_S = 3600.0
WHAT_TO_DO = "see 'Messages were lost' in docs/operations.md"


@dataclass(frozen=True)
class Loss:
    """`count` is an upper bound: what was dropped may hold messages that the consumer does not hear."""

    durable: str
    stream: str
    count: int
    noticed_at: float

    def __str__(self) -> str:
        return f"{self.durable}: stream {self.stream} dropped up to {self.count} messages before they were taken"


class LossWatch:
    """Remembers up to which sequence each consumer was known to have settled everything.

    Looked at before a starting service takes its first message, it sees what was dropped while the service was down:
    the consumer still stands where it stood. Later the last look is compared with what the stream holds now, however
    far the consumer came meanwhile. The oldest message tells; a job's own oldest that its share pushed out from
    between messages of others are not seen.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._settled: dict[str, int] = {}
        self._losses: list[Loss] = []

    async def look(self, jetstream: JetStreamContext, spec: ConsumerSpec) -> int:
        """Messages dropped unsettled since the last look. Raises NotFoundError while stream or consumer is missing."""
        # In this order: what the consumer settled meanwhile is then never taken for dropped.
        state = (await jetstream.stream_info(spec.stream)).state
        settled = _settled(await jetstream.consumer_info(spec.stream, spec.durable), spec, state.last_seq)
        known = self._settled.get(spec.durable, settled)
        if known > max(state.last_seq, settled):
            known = 0  # the stream was made anew
        lost = max(0, state.first_seq - 1 - known)
        self._settled[spec.durable] = max(known, settled, state.first_seq - 1)
        if lost:
            self._noticed(spec, lost)
        return lost

    def recent(self) -> list[Loss]:
        """Noticed within the last hour."""
        since = self._clock.monotonic() - SHOWN_FOR_S
        self._losses = [loss for loss in self._losses if loss.noticed_at >= since]
        return list(self._losses)

    def _noticed(self, spec: ConsumerSpec, count: int) -> None:
        MESSAGES_LOST.labels(spec.durable, spec.stream).inc(count)
        self._losses.append(Loss(spec.durable, spec.stream, count, self._clock.monotonic()))
        _log.warning("messages_lost", durable=spec.durable, stream=spec.stream, count=count, what_to_do=WHAT_TO_DO)


def _settled(consumer: ConsumerInfo, spec: ConsumerSpec, last_seq: int) -> int:
    """The sequence up to which nothing is left to do. `last_seq`: of the stream, asked before the consumer."""
    if consumer.num_ack_pending:
        return consumer.ack_floor.stream_seq if consumer.ack_floor else 0
    delivered = consumer.delivered.stream_seq if consumer.delivered else 0
    # Where nothing waits for it, a durable that hears little need not have come far.
    return delivered if consumer.num_pending or _hears_all(spec) else max(delivered, last_seq)


def _hears_all(spec: ConsumerSpec) -> bool:
    subjects = next((stream.subjects for stream in STREAMS if stream.name == spec.stream), ())
    said = {event.model for event in EVENTS if event.stream == spec.stream}
    return bool(set(subjects) <= set(spec.filters()) or (said and said <= set(spec.events)))
