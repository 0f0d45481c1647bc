"""Putting outbox rows into their streams: one after another for one job, different jobs at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError
from opentelemetry.trace import SpanKind
from sqlalchemy import Row

from chassis.messaging.raw_message import MESSAGE_ID_HEADER
from chassis.observability.tracing import span_from

_log = structlog.get_logger(__name__)

PUBLISH_TIMEOUT_S = 5.0
# "message size exceeds maximum allowed", nats-server's errors.json
_TOO_LARGE_FOR_THE_STREAM = 10054
_NEVER = (nats.errors.MaxPayloadError, nats.errors.BadSubjectError)


@dataclass
class Published:
    """What became of rows: confirmed by a stream, refused for ever (with the reason), or stuck for now (by key)."""

    confirmed: list[tuple[Row[Any], PubAck]] = field(default_factory=list)
    refused: list[tuple[Row[Any], str]] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)


def key_of(row: Row[Any]) -> str:
    """The job, in nearly all cases: the last token of the subject."""
    return str(row.subject.rpartition(".")[2])


async def publish_by_key(jetstream: JetStreamContext, rows: Sequence[Row[Any]]) -> Published:
    """A key's rows end at its first failure, so that nothing overtakes; a row refused for ever is stepped over."""
    by_key: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_key.setdefault(key_of(row), []).append(row)
    published = Published()
    await asyncio.gather(*(_publish_in_order(jetstream, key, its, published) for key, its in by_key.items()))
    return published


async def _publish_in_order(
    jetstream: JetStreamContext, key: str, rows: list[Row[Any]], published: Published
) -> None:
    for row in rows:
        headers = {**row.headers, MESSAGE_ID_HEADER: str(row.id)}
        kind = row.subject.rpartition(".")[0]
        try:
            with span_from(row.headers.get("traceparent"), f"{kind} publish", kind=SpanKind.PRODUCER):
                ack = await jetstream.publish(
                    row.subject, row.event.encode(), timeout=PUBLISH_TIMEOUT_S, headers=headers)
        except Exception as error:
            if reason := _refused_for_ever(error, row):
                published.refused.append((row, reason))
                continue
            _log.warning("event_not_published", subject=row.subject, event_id=str(row.id), error=repr(error))
            published.stuck.add(key)
            return
        published.confirmed.append((row, ack))


def _refused_for_ever(error: Exception, row: Row[Any]) -> str | None:
    too_large = isinstance(error, APIError) and error.err_code == _TOO_LARGE_FOR_THE_STREAM
    if too_large or isinstance(error, _NEVER):
        return f"{len(row.event.encode())} bytes: {error!r}"
    return None
