"""Events in: every one of them is recorded in its job's history and projected onto the job."""

from chassis.messaging.bus import Bus
from contracts.streams import consumers_of
from services.job_api.usecases.record_event import record_event


def listen(bus: Bus) -> None:
    """All durables of job_api: pods, training, costs, validation."""
    for consumer in consumers_of("job_api"):
        bus.consume(consumer, dict.fromkeys(consumer.events, record_event))
