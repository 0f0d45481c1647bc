"""Prometheus metrics of the message pipe. Labels name durables and methods, never jobs."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "brightrun_messages",
    "Messages a durable consumer settled: processed, duplicate, failed (will be retried), deferred "
    "(infrastructure was away), dead_lettered",
    ["durable", "outcome"],
)
MESSAGE_SECONDS = Histogram(
    "brightrun_message_duration_seconds",
    "Time from taking a message (or a batch) to settling it",
    ["durable"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
MESSAGES_IN_FLIGHT = Gauge("brightrun_messages_in_flight", "Messages taken and not yet settled", ["durable"])
CONSUMER_STOPPED = Gauge(
    "brightrun_consumer_stopped", "1 when a consumer stopped after too many dead letters in a row", ["durable"]
)
OUTBOX_BACKLOG = Gauge("brightrun_outbox_unpublished", "Events committed and not yet confirmed by a stream")
OUTBOX_AGE = Gauge("brightrun_outbox_age_seconds", "Age of the oldest event not yet confirmed by a stream")
OUTBOX_PUBLISHED = Counter("brightrun_outbox_published", "Events confirmed by a stream", ["stream"])
OUTBOX_REQUEUED = Counter(
    "brightrun_outbox_requeued", "Events published again because their stream was lost", ["stream"]
)
NATS_CONNECTED = Gauge("brightrun_nats_connected", "1 while the service is connected to NATS")
RPC_SECONDS = Histogram(
    "brightrun_rpc_duration_seconds", "Time to answer a request", ["method", "outcome"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
