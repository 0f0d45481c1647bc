"""Whether everything that was said about jobs has been taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.messaging.bus import Bus
from contracts.streams import ConsumerSpec


@dataclass(frozen=True)
class EventBacklog:
    bus: Bus
    consumers: Sequence[ConsumerSpec]

    async def is_empty(self) -> bool:
        """False as well when nobody can say."""
        if not self.bus.is_connected:
            return False
        found = [await self.bus.jetstream.consumer_info(spec.stream, spec.durable) for spec in self.consumers]
        return not any(info.num_pending for info in found)
