"""The one place that creates and changes streams and consumers: `python -m chassis.topology [--watch]`.

Reads BRIGHTRUN_NATS_URL and BRIGHTRUN_NATS_CREDS_FILE. With --watch it stays and applies again within about a
second when a stream or consumer is missing (the store of NATS was lost) or was changed by hand.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import NotFoundError

from chassis.nats_connection import NatsConnection
from contracts.streams import CONSUMERS, STREAMS, ConsumerSpec, StreamSpec

_log = structlog.get_logger(__name__)

ConfigT = TypeVar("ConfigT", StreamConfig, ConsumerConfig)

# The server refuses to change these on an existing consumer or stream.
_IMMUTABLE = {"deliver_policy", "ack_policy", "retention", "storage"}
_WATCH_INTERVAL_S = 1.0
_FULL_CHECK_INTERVAL_S = 20.0


class TopologyError(RuntimeError):
    """The server has something that cannot be changed in place into what the table says."""


@dataclass(frozen=True)
class Drift:
    """One difference between the table and the server; `field` is empty when the whole thing is missing."""

    kind: Literal["stream", "consumer"]
    name: str
    field: str = ""
    wanted: Any = None
    found: Any = None

    def __str__(self) -> str:
        if not self.field:
            return f"{self.kind} {self.name} is missing"
        return f"{self.kind} {self.name}: {self.field} is {self.found!r}, should be {self.wanted!r}"


async def apply(
    js: JetStreamContext, streams: Sequence[StreamSpec] = STREAMS, consumers: Sequence[ConsumerSpec] = CONSUMERS
) -> list[Drift]:
    """Make the server match the tables; what was different before. Idempotent; deletes nothing.

    Raises TopologyError for a difference that only deleting and making anew could remove.
    """
    found = await drift(js, streams, consumers)
    if fixed := [item for item in found if item.field in _IMMUTABLE]:
        raise TopologyError(
            "; ".join(map(str, fixed)) + ". NATS cannot change this in place: delete it with the nats CLI at a "
            "quiet moment and apply again."
        )
    wrong = {(item.kind, item.name) for item in found}
    missing = {(item.kind, item.name) for item in found if not item.field}
    for stream in streams:
        if ("stream", stream.name) in missing:
            await js.add_stream(stream_config(stream))
        elif ("stream", stream.name) in wrong:
            await js.update_stream(stream_config(stream))
    for consumer in consumers:
        if ("consumer", consumer.durable) in wrong:
            await js.add_consumer(consumer.stream, consumer_config(consumer))  # creates or updates
    return found


async def drift(
    js: JetStreamContext, streams: Sequence[StreamSpec] = STREAMS, consumers: Sequence[ConsumerSpec] = CONSUMERS
) -> list[Drift]:
    """Every difference between the tables and the server."""
    found: list[Drift] = []
    for stream in streams:
        found += await _stream_drift(js, stream)
    for consumer in consumers:
        found += await consumer_drift(js, consumer)
    return found


async def consumer_drift(js: JetStreamContext, spec: ConsumerSpec) -> list[Drift]:
    try:
        info = await js.consumer_info(spec.stream, spec.durable)
    except NotFoundError:
        return [Drift("consumer", spec.durable)]
    return _differences("consumer", spec.durable, consumer_config(spec), info.config, _CONSUMER_FIELDS)


async def _stream_drift(js: JetStreamContext, spec: StreamSpec) -> list[Drift]:
    try:
        info: StreamInfo = await js.stream_info(spec.name)
    except NotFoundError:
        return [Drift("stream", spec.name)]
    return _differences("stream", spec.name, stream_config(spec), info.config, _STREAM_FIELDS)


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))


_STREAM_FIELDS: dict[str, Callable[[Any], Any]] = {
    "subjects": lambda value: sorted(value or ()),
    "max_age": float, "max_bytes": int, "max_msgs": int, "duplicate_window": float,
    "storage": _text, "num_replicas": int, "retention": _text, "description": str,
}
_CONSUMER_FIELDS: dict[str, Callable[[Any], Any]] = {
    "filter_subjects": lambda value: sorted(value or ()),
    "ack_wait": float, "max_deliver": int, "max_ack_pending": int, "deliver_policy": _text, "ack_policy": _text,
}


def _differences(
    kind: Literal["stream", "consumer"], name: str, wanted: ConfigT, found: ConfigT,
    fields: dict[str, Callable[[Any], Any]],
) -> list[Drift]:
    pairs = ((field, normal(getattr(wanted, field)), _found(normal, found, field)) for field, normal in fields.items())
    return [Drift(kind, name, field, want, have) for field, want, have in pairs if want != have]


def _found(normal: Callable[[Any], Any], config: Any, field: str) -> Any:
    value = getattr(config, field)
    if field == "filter_subjects" and not value and config.filter_subject:
        value = [config.filter_subject]  # the server's older spelling of a single filter
    return None if value is None else normal(value)


def stream_config(spec: StreamSpec) -> StreamConfig:
    return StreamConfig(
        name=spec.name, subjects=list(spec.subjects), description=spec.description,
        max_age=float(spec.max_age_s), max_bytes=spec.max_bytes, max_msgs=spec.max_msgs,
        duplicate_window=float(spec.duplicate_window_s), storage=StorageType(spec.storage),
        num_replicas=spec.replicas, retention=RetentionPolicy.LIMITS,
    )


def consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    """max_deliver is unlimited: the chassis decides when a message is dead, never the server."""
    return ConsumerConfig(
        name=spec.durable, durable_name=spec.durable, filter_subjects=list(spec.filters()),
        ack_policy=AckPolicy.EXPLICIT, ack_wait=spec.ack_wait_s, max_deliver=-1,
        max_ack_pending=spec.max_ack_pending, deliver_policy=DeliverPolicy(spec.deliver_policy),
    )


async def watch(
    connection: NatsConnection, streams: Sequence[StreamSpec] = STREAMS,
    consumers: Sequence[ConsumerSpec] = CONSUMERS,
) -> None:
    """Apply, then look every second whether something is missing and every 20 s whether something changed."""
    checked_at, epoch = float("-inf"), -1
    while True:
        await connection.wait_connected()
        try:
            due = time.monotonic() - checked_at > _FULL_CHECK_INTERVAL_S or connection.epoch != epoch
            if due or await _something_is_missing(connection.jetstream, streams, consumers):
                epoch, changed = connection.epoch, await apply(connection.jetstream, streams, consumers)
                checked_at = time.monotonic()
                if changed:
                    _log.warning("topology_applied", differences=[str(item) for item in changed])
        except Exception as error:
            _log.warning("topology_not_applied", error=repr(error))
        await asyncio.sleep(_WATCH_INTERVAL_S)


async def _something_is_missing(
    js: JetStreamContext, streams: Sequence[StreamSpec], consumers: Sequence[ConsumerSpec]
) -> bool:
    """One request instead of one for each stream and consumer: counts are enough to see a lost store."""
    counts = {info.config.name: info.state.consumer_count for info in await js.streams_info()}
    wanted = {spec.name: sum(consumer.stream == spec.name for consumer in consumers) for spec in streams}
    return any(counts.get(name, -1) < count for name, count in wanted.items())


async def _main(keep_watching: bool) -> None:
    connection = NatsConnection(
        os.environ.get("BRIGHTRUN_NATS_URL", "nats://127.0.0.1:4222"), name="topology",
        inbox_prefix="_INBOX_topology", creds_file=os.environ.get("BRIGHTRUN_NATS_CREDS_FILE", ""),
    )
    if not await connection.start() and not keep_watching:
        await connection.stop()
        raise SystemExit("NATS does not answer at BRIGHTRUN_NATS_URL; start it and try again.")
    try:
        if keep_watching:
            await watch(connection)
        else:
            for difference in await apply(connection.jetstream):
                print(f"applied: {difference}")
    finally:
        await connection.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m chassis.topology", description=__doc__)
    parser.add_argument("--watch", action="store_true", help="stay, and repair what goes missing")
    asyncio.run(_main(parser.parse_args().watch))
