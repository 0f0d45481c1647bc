"""Which subjects each service may use, read from the tables in `contracts`."""

from __future__ import annotations

from chassis.messaging.nats_jwt import Permissions
from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS, RPCS
from contracts.streams import DEAD_LETTER_PREFIX, DEAD_LETTER_STREAM, MOVES, STREAMS, ConsumerSpec, consumers_of

SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
TOPOLOGY = "topology"
# job_api answers `brightrun dlq`: it reads and removes dead letters, and a replay publishes the original subject
KEEPER_OF_DEAD_LETTERS = "job_api"


def service_permissions(service: str) -> Permissions:
    consumers = consumers_of(service)
    publish = [
        *_own_events(service),
        *_calls(service),
        *(subject for spec in consumers for subject in _consuming(spec)),
        *(f"$JS.API.STREAM.INFO.{stream}" for stream in _streams(service, consumers)),
    ]
    if service == KEEPER_OF_DEAD_LETTERS:
        publish += _dead_letter_keeping()
    return Permissions(publish, [f"_INBOX_{service}.>", *_answers(service)], replies=True)


def topology_permissions() -> Permissions:
    """The init step and its watcher own streams and consumers. They write no messages but those that they move from one
    stream to another."""
    moved = [move.subjects for move in MOVES]
    return Permissions(["$JS.API.>", *moved], [f"_INBOX_{TOPOLOGY}.>", "_INBOX.>"])


def _own_events(service: str) -> list[str]:
    return [spec.model.subject_filter() for spec in EVENTS if service in spec.producers]


def _calls(service: str) -> list[str]:
    return [row.rpc.subject for row in RPCS if service in row.callers]


def _answers(service: str) -> list[str]:
    own = [row.rpc.subject for row in RPCS if row.rpc.service == service]
    return own + [rpc.subject_filter for rpc in POD_RPCS if rpc.service == service]


def _consuming(spec: ConsumerSpec) -> list[str]:
    address = f"{spec.stream}.{spec.durable}"
    return [
        f"$JS.API.CONSUMER.MSG.NEXT.{address}",
        f"$JS.API.CONSUMER.INFO.{address}",
        f"$JS.ACK.{address}.>",
        *(f"{DEAD_LETTER_PREFIX}.{subject}" for subject in spec.filters()),
    ]


def _streams(service: str, consumers: tuple[ConsumerSpec, ...]) -> set[str]:
    """Streams whose state it asks for: those it reads, and those it must notice when they were made anew."""
    return {spec.stream for spec in consumers} | {s.stream for s in EVENTS if service in s.producers}


def _dead_letter_keeping() -> list[str]:
    calls = ("STREAM.INFO", "STREAM.MSG.GET", "STREAM.MSG.DELETE", "DIRECT.GET")
    return [
        *(f"$JS.API.{call}.{DEAD_LETTER_STREAM}" for call in calls),
        f"$JS.API.DIRECT.GET.{DEAD_LETTER_STREAM}.>",
        *(spec.model.subject_filter() for spec in EVENTS),
        # The webhook puts any event into job_api's outbox, whose relay watches the stream it publishes to.
        *(f"$JS.API.STREAM.INFO.{stream.name}" for stream in STREAMS),
    ]
