"""Noticing that a stream dropped messages before a consumer had settled them: by a limit, or by age."""

from nats.js import JetStreamContext

from chassis.messaging.metrics import MESSAGES_LOST
from contracts.streams import ConsumerSpec


class LossWatch:
    """Remembers up to which sequence each consumer is known to have settled everything.

    The count is an upper bound: the dropped part may hold messages that the consumer does not hear.
    """

    def __init__(self) -> None:
        self._settled: dict[str, int] = {}

    async def lost(self, jetstream: JetStreamContext, spec: ConsumerSpec) -> int:
        """Messages dropped unsettled, as far as can be seen now. Raises NotFoundError while either is missing."""
        consumer = await jetstream.consumer_info(spec.stream, spec.durable)
        state = (await jetstream.stream_info(spec.stream)).state
        floor = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
        caught_up = not consumer.num_pending and not consumer.num_ack_pending
        known = self._settled.get(spec.durable, state.last_seq if caught_up else floor)
        if known > state.last_seq:
            known = 0  # the stream was made anew
        known = max(known, floor)
        lost = max(0, state.first_seq - 1 - known)
        self._settled[spec.durable] = max(state.last_seq, known) if caught_up and not lost else known
        MESSAGES_LOST.labels(spec.durable).set(lost)
        return lost
