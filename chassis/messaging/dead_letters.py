"""Dead letters: messages no consumer could take, kept with the reason, to be looked at and replayed.

They lie in the stream DLQ under `dlq.<original subject>`, byte for byte as they came; of one that is larger than that
stream takes only the beginning is kept.
"""

import builtins
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from chassis.messaging.raw_message import MESSAGE_ID_HEADER, RawMessage
from chassis.problems import Conflict, NotFound
from contracts.streams import DEAD_LETTER_PREFIX, DEAD_LETTER_STREAM, stream_named

# A replayed message is for the consumer that could not take it; the others acknowledge it unseen.
REPLAY_FOR_HEADER = "x-replay-for"
_log = structlog.get_logger(__name__)

PUBLISH_TIMEOUT_S = 5.0
# "maximum messages per subject exceeded", nats-server's errors.json
_ENOUGH_OF_THIS_SUBJECT = 10077
_HEADER_LIMIT = 1_000  # characters of an error message; headers count towards the server's max_payload
_TRUNCATED_HEADER = "x-truncated-from"
_KEPT_OF_A_LARGE_ONE = 64 * 1024
_LARGEST = stream_named(DEAD_LETTER_STREAM).max_msg_size - 8 * 1024  # the rest is for headers


class HasJetStream(Protocol):
    """The bus, or its connection."""

    @property
    def jetstream(self) -> JetStreamContext: ...


@dataclass(frozen=True)
class DeadLetter:
    """`sequence` is the address for `show` and `replay`. `truncated_from`: bytes of the whole message, where `data` is
    only its beginning; such a one cannot be replayed."""

    sequence: int
    subject: str
    consumer: str
    error_type: str
    error: str
    deliveries: int
    message_id: str
    traceparent: str | None
    dead_lettered_at: datetime | None
    data: bytes
    truncated_from: int | None = None


async def dead_letter(source: HasJetStream, raw: RawMessage, *, consumer: str, error: BaseException | str) -> None:
    """Put a message into the dead-letter stream and wait until it is stored. Raises when that is not certain.

    The same message of the same consumer is stored once, however often this is repeated.
    """
    error_type = type(error).__name__ if isinstance(error, BaseException) else "Refused"
    headers = {
        MESSAGE_ID_HEADER: f"{consumer}:{raw.stream}:{raw.stream_sequence}:{raw.headers.get(MESSAGE_ID_HEADER, '')}",
        "x-error": _one_line(str(error)),
        "x-error-type": error_type,
        "x-consumer": consumer,
        "x-deliveries": str(raw.deliveries),
        "x-message-id": raw.headers.get(MESSAGE_ID_HEADER, ""),
    }
    if traceparent := raw.headers.get("traceparent"):
        headers["traceparent"] = traceparent
    data = raw.data
    if len(data) > _LARGEST:
        data, headers[_TRUNCATED_HEADER] = data[:_KEPT_OF_A_LARGE_ONE], str(len(data))
    try:
        await source.jetstream.publish(
            f"{DEAD_LETTER_PREFIX}.{raw.subject}", data, timeout=PUBLISH_TIMEOUT_S, headers=headers,
            stream=DEAD_LETTER_STREAM,
        )
    except APIError as error:
        if error.err_code != _ENOUGH_OF_THIS_SUBJECT:
            raise
        # One job has as many dead letters as are kept: what floods is counted, not stored without end.
        _log.warning("dead_letter_dropped", subject=raw.subject, consumer=consumer)


class DeadLetters:
    """Look at and replay dead letters."""

    def __init__(self, bus: HasJetStream) -> None:
        self._bus = bus

    async def list(self, *, limit: int = 50, after: int = 0) -> builtins.list[DeadLetter]:
        """Oldest first, from the one after sequence `after`; the last one's sequence is the next page's `after`."""
        jetstream, sequence = self._bus.jetstream, after + 1
        messages: builtins.list[DeadLetter] = []
        while len(messages) < limit:
            try:
                message = await jetstream.get_msg(
                    DEAD_LETTER_STREAM, seq=sequence, next=True, subject=f"{DEAD_LETTER_PREFIX}.>"
                )
            except NotFoundError:
                break
            messages.append(_dead_letter(message))
            sequence = messages[-1].sequence + 1
        return messages

    async def count(self) -> int:
        return (await self._bus.jetstream.stream_info(DEAD_LETTER_STREAM)).state.messages

    async def show(self, sequence: int) -> DeadLetter:
        """One dead letter with its original bytes. Raises NotFound."""
        try:
            return _dead_letter(await self._bus.jetstream.get_msg(DEAD_LETTER_STREAM, seq=sequence))
        except NotFoundError:
            raise NotFound(
                f"There is no dead letter {sequence}.", code="dead_letter_not_found",
                suggested_fix="List the dead letters again: it may have been replayed already.",
            ) from None

    async def replay(self, sequence: int) -> DeadLetter:
        """Publish the original bytes on the original subject again, then remove the dead letter.

        Only the consumer that had dead-lettered it handles it: the others' inboxes may have forgotten the event.
        Repeated after a crash in between, the stream recognises the message id. Raises NotFound, and Conflict for one
        that is not whole.
        """
        found = await self.show(sequence)
        if found.truncated_from is not None:
            raise _not_whole(found)
        headers = {
            MESSAGE_ID_HEADER: f"{found.message_id or found.consumer}.replay.{sequence}",
            "x-replay": str(sequence),
            REPLAY_FOR_HEADER: found.consumer,
        }
        if found.traceparent:
            headers["traceparent"] = found.traceparent
        await self._bus.jetstream.publish(
            found.subject, found.data, timeout=PUBLISH_TIMEOUT_S, headers=headers
        )
        await self._bus.jetstream.delete_msg(DEAD_LETTER_STREAM, sequence)
        return found


def _dead_letter(message: RawStreamMsg) -> DeadLetter:
    headers = message.headers or {}
    return DeadLetter(
        sequence=message.seq or 0,
        subject=(message.subject or "").removeprefix(f"{DEAD_LETTER_PREFIX}."),
        consumer=headers.get("x-consumer", ""),
        error_type=headers.get("x-error-type", ""),
        error=headers.get("x-error", ""),
        deliveries=int(headers.get("x-deliveries", "0")),
        message_id=headers.get("x-message-id", ""),
        traceparent=headers.get("traceparent"),
        dead_lettered_at=_time(message),
        data=message.data or b"",
        truncated_from=int(size) if (size := headers.get(_TRUNCATED_HEADER)) else None,
    )


def _not_whole(found: DeadLetter) -> Conflict:
    return Conflict(
        f"Of dead letter {found.sequence} only the first {len(found.data):,} of {found.truncated_from:,} bytes are "
        "kept: it was larger than what the stream of dead letters takes.",
        code="dead_letter_truncated", title="The message cannot be replayed",
        suggested_fix="Run the job again, or retry it: what sent the message sends it anew.",
    )


def _time(message: RawStreamMsg) -> datetime | None:
    return message.time.astimezone(UTC) if message.time else None


def _one_line(text: str) -> str:
    """NATS headers are lines of ASCII."""
    return " ".join(text.split())[:_HEADER_LIMIT].encode("ascii", "replace").decode()
