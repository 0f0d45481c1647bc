"""What contracts say of streams and consumers, against what the server has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import NotFoundError

from contracts.streams import CONSUMERS, STREAMS, ConsumerSpec, StreamSpec

ConfigT = TypeVar("ConfigT", StreamConfig, ConsumerConfig)


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
    "max_msg_size": int, "max_msgs_per_subject": int, "discard": _text, "discard_new_per_subject": bool,
}
_CONSUMER_FIELDS: dict[str, Callable[[Any], Any]] = {
    "filter_subjects": lambda value: sorted(value or ()),
    "ack_wait": float, "max_deliver": int, "max_ack_pending": int, "deliver_policy": _text, "ack_policy": _text,
    "num_replicas": int,
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
        max_msg_size=spec.max_msg_size, max_msgs_per_subject=spec.max_msgs_per_subject,
        discard=DiscardPolicy.NEW if spec.refuse_new else DiscardPolicy.OLD,
        discard_new_per_subject=spec.refuse_new and spec.max_msgs_per_subject > 0,
    )


def consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    """max_deliver is unlimited: the chassis decides when a message is dead, never the server. No replicas of its own:
    it is kept wherever its stream is."""
    return ConsumerConfig(
        name=spec.durable, durable_name=spec.durable, filter_subjects=list(spec.filters()),
        ack_policy=AckPolicy.EXPLICIT, ack_wait=spec.ack_wait_s, max_deliver=-1,
        max_ack_pending=spec.max_ack_pending, deliver_policy=DeliverPolicy(spec.deliver_policy), num_replicas=0,
    )
