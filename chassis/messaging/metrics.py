"""Prometheus metrics of the message pipe. Labels name durables and methods, never jobs."""

from prometheus_client import Counter, Gauge, Histogram

from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS, RPCS

MESSAGES = Counter(
    "brightrun_messages",
    "Messages a durable consumer settled: processed, duplicate, failed (will be retried), deferred "
    "(infrastructure was away), dead_lettered",
    ["durable", "outcome"],
)
BATCH_SECONDS = Histogram(
    "brightrun_batch_duration_seconds",
    "Time from taking a batch of raw messages to settling it",
    ["durable"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
MESSAGES_IN_FLIGHT = Gauge("brightrun_messages_in_flight", "Messages taken and not yet settled", ["durable"])
CONSUMER_STOPPED = Gauge(
    "brightrun_consumer_stopped", "1 while a consumer pauses after dead letters of many jobs in a row", ["durable"]
)
QUARANTINED_JOBS = Gauge(
    "brightrun_quarantined_jobs", "Jobs whose messages are set aside because all were unusable", ["durable"]
)
MESSAGES_LOST = Counter(
    "brightrun_consumer_messages_lost", "Messages a stream dropped before this consumer had settled them, at most",
    ["durable", "stream"],
)
OUTBOX_BACKLOG = Gauge("brightrun_outbox_unpublished", "Events committed and not yet confirmed by a stream")
OUTBOX_AGE = Gauge("brightrun_outbox_age_seconds", "Age of the oldest event not yet confirmed by a stream")
OUTBOX_PUBLISHED = Counter("brightrun_outbox_published", "Events confirmed by a stream", ["stream"])
OUTBOX_REQUEUED = Counter(
    "brightrun_outbox_requeued", "Events published again because their stream was lost", ["stream"]
)
OUTBOX_PARKED = Gauge("brightrun_outbox_parked", "Events set aside because no stream can ever take them")
NATS_CONNECTED = Gauge("brightrun_nats_connected", "1 while the service is connected to NATS")
ANSWERS = Counter("brightrun_rpc_answers", "Requests answered: ok, refused, unavailable", ["request", "outcome"])

OUTCOMES = ("processed", "duplicate", "failed", "deferred", "dead_lettered")


def prepare_consumer_metrics(durable: str, stream: str) -> None:
    """Make every series exist from the start: a first failure is then a step that `rate()` sees."""
    for outcome in OUTCOMES:
        MESSAGES.labels(durable, outcome)
    MESSAGES_LOST.labels(durable, stream)
    for gauge in (CONSUMER_STOPPED, QUARANTINED_JOBS, MESSAGES_IN_FLIGHT):
        gauge.labels(durable).set(0)


def prepare_service_metrics(service: str) -> None:
    """The same for what the service publishes and answers."""
    for stream in {spec.stream for spec in EVENTS if service in spec.producers}:
        OUTBOX_PUBLISHED.labels(stream)
        OUTBOX_REQUEUED.labels(stream)
    answered = [row.rpc.subject for row in RPCS if row.rpc.service == service]
    answered += [rpc.subject_filter.removesuffix(".*") for rpc in POD_RPCS if rpc.service == service]
    for request in answered:
        for outcome in ("ok", "refused", "unavailable"):
            ANSWERS.labels(request, outcome)
