"""A message as it lies in a stream, before anybody has made sense of it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from nats.aio.msg import Msg

from chassis.messaging.retry import Permanent
from contracts.envelope import Event
from contracts.registry import parse_event

MESSAGE_ID_HEADER = "Nats-Msg-Id"


@dataclass(frozen=True, slots=True)
class RawMessage:
    """`deliveries` counts from 1; `stream_sequence` identifies the message within its stream."""

    subject: str
    data: bytes
    stream: str
    stream_sequence: int
    deliveries: int
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the message is about, in nearly all cases a job: the last token of the subject."""
        return self.subject.rpartition(".")[2]

    @classmethod
    def of(cls, message: Msg) -> "RawMessage":
        metadata = message.metadata
        return cls(
            subject=message.subject,
            data=message.data,
            stream=metadata.stream,
            stream_sequence=metadata.sequence.stream,
            deliveries=metadata.num_delivered or 1,
            headers=dict(message.headers or {}),
        )


class HasPayload(Protocol):
    """A RawMessage, or a message of nats-py."""

    @property
    def subject(self) -> str: ...
    @property
    def data(self) -> bytes: ...


def read_event(raw: HasPayload) -> Event[Any]:
    """Parse a message and check that it speaks only about what its subject allows.

    The broker lets a pod publish only its own job's subjects; a payload that names another job is forged.
    Raises Permanent and what `parse_event` raises: all permanent.
    """
    event = parse_event(raw.data)
    if not raw.subject == event.subject == event.data.subject():
        raise Permanent(
            f"the event says it is about {event.data.subject()} (envelope: {event.subject}) "
            f"but came on {raw.subject}"
        )
    return event
