"""Messages: outboxes, streams, durable consumers, dead letters, questions between services."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RANGE, highest, increase, rate, total

_OUTCOME = "brightrun_messages_total"

BOARD = Dashboard("messages", "messages", "From the outbox over streams to durables, and what could not be taken.", (
    Row("Out", (
        Panel("Oldest unpublished event", "Age, by service.", "s",
              (highest("brightrun_outbox_age_seconds", "service"),), warn=30, bad=120, runbook="OutboxOld"),
        Panel("Unpublished and parked", "Events that wait; those that no stream can take.", "short",
              (highest("brightrun_outbox_unpublished", "service"),
               highest("brightrun_outbox_parked", "service", legend="parked {{service}}")), runbook="EventsParked"),
        Panel("Published", "Events that a stream confirmed.", "ops",
              (rate("brightrun_outbox_published_total", "stream"),)),
    )),
    Row("Waiting", (
        Panel("Lag", "Messages that wait for a durable.", "short",
              (highest("brightrun_consumer_pending_messages", "durable"),), bad=1000, runbook="ConsumerLag"),
        Panel("In hand", "Delivered and not acknowledged yet.", "short",
              (highest("brightrun_consumer_ack_pending_messages", "durable"),)),
        Panel("Delivered more than once", "Of those in hand.", "short",
              (highest("brightrun_consumer_redelivered_messages", "durable"),)),
    )),
    Row("Taken", (
        Panel("Processed", "By durable.", "ops", (rate(f'{_OUTCOME}{{outcome="processed"}}', "durable"),)),
        Panel("Retries", "Failed and tried again, put off while a server was away, known already.", "ops",
              (rate(f'{_OUTCOME}{{outcome=~"failed|deferred|duplicate"}}', "durable", "outcome"),)),
        Panel("Dead letters", "By durable.", "short",
              (increase(f'{_OUTCOME}{{outcome="dead_lettered"}}', "durable"),), bad=1, runbook="DeadLetters"),
    )),
    Row("Trouble", (
        Panel("Stopped consumers", "1: it pauses after refusing messages of many jobs.", "short",
              (highest("brightrun_consumer_stopped", "durable"),), bad=1, runbook="ConsumerStopped"),
        Panel("Jobs set aside", "Whose messages were all unusable.", "short",
              (highest("brightrun_quarantined_jobs", "durable"),)),
        Panel("Lost", "Dropped by a stream before a durable had settled them, at most.", "short",
              (increase("brightrun_consumer_messages_lost_total", "durable", over=RANGE),), bad=1,
              runbook="MessagesLost"),
    )),
    Row("Streams", (
        Panel("Size", "On disk.", "bytes", (highest("brightrun_stream_bytes", "stream"),)),
        Panel("Fullness", "Of the size it may have.", "percentunit",
              (Query("max by (stream) (brightrun_stream_bytes) / max by (stream) (brightrun_stream_limit_bytes)",
                     "{{stream}}"),), warn=0.6, bad=0.8, runbook="StreamNearlyFull"),
        Panel("Messages kept", "DLQ holds the dead letters.", "short",
              (highest("brightrun_stream_messages", "stream"),)),
    )),
    Row("Questions between services", (
        Panel("Answers", "By request and outcome.", "ops", (rate("brightrun_rpc_answers_total", "request", "outcome"),),
              width=16),
        Panel("Being handled", "Messages taken and not yet settled.", "short",
              (total("brightrun_messages_in_flight", "durable"),)),
    )),
))
