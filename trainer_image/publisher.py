"""Brings the journal to the broker: in order, confirmed, and once more where the broker lost its store."""

import asyncio
import logging
from dataclasses import dataclass, field

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError

from trainer_image.headers import message_headers
from trainer_image.journal import Entry, Journal

_log = logging.getLogger(__name__)

# Events on the way at once: at 100 ms to the broker, a ten-minute backlog is delivered in seconds.
WINDOW = 32
_REFUSALS_BEFORE_SKIP = 5
# Error codes of the JetStream API.
_WRONG_LAST_SEQUENCE, _MESSAGE_TOO_LARGE = 10071, 10054


class NotConfirmed(Exception):
    """The broker is away or did not confirm; the same entries are sent again later."""


@dataclass
class Publisher:
    """Go-back-N over the journal: `position` is the offset up to which everything is confirmed.

    A stream that was made anew numbers its messages from 1 again. Two signs give it away: a confirmation with
    a number not above one seen before, and, after a reconnect, a last number on our subject that is not ours.
    """

    journal: Journal
    position: int = 0
    traceparent: str | None = None  # of the job, which every event belongs to
    ack_timeout_s: float = 5.0
    _highest: dict[str, int] = field(default_factory=dict)
    _last_on_subject: dict[str, int] = field(default_factory=dict)
    _unchecked: set[str] = field(default_factory=set)
    _refused: tuple[int, int] = (-1, 0)

    @property
    def caught_up(self) -> bool:
        return self.position >= self.journal.end

    def reconnected(self) -> None:
        """The store behind a new connection may be another one: check each subject with its next message."""
        self._unchecked = set(self._last_on_subject)

    async def publish_next(self, stream: JetStreamContext) -> bool:
        """Publish up to WINDOW entries and wait for their confirmations; False when there are none.

        Raises NotConfirmed; what was confirmed before the gap counts.
        """
        entries = self.journal.read(self.position, WINDOW)
        if not entries:
            return False
        sent = [asyncio.ensure_future(self._publish(stream, entry)) for entry in entries]
        answers = await asyncio.gather(*sent, return_exceptions=True)
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, PubAck):
                if self._is_from_a_new_stream(entry, answer):
                    self._start_over(f"stream {answer.stream} was created anew")
                    return True
                self.position = entry.end
            elif isinstance(answer, APIError) and answer.err_code == _WRONG_LAST_SEQUENCE:
                self._start_over(f"the broker does not know our last message on {entry.subject}")
                return True
            elif not self._skip(entry, answer, any(isinstance(other, PubAck) for other in answers)):
                self.reconnected()
                raise NotConfirmed(f"{entry.subject}: {answer!r}") from (
                    answer if isinstance(answer, Exception) else None)
        return True

    async def _publish(self, stream: JetStreamContext, entry: Entry) -> PubAck:
        headers = message_headers(entry.event_id, self.traceparent)
        if entry.subject in self._unchecked:
            self._unchecked.discard(entry.subject)
            headers["Nats-Expected-Last-Subject-Sequence"] = str(self._last_on_subject[entry.subject])
        return await stream.publish(entry.subject, entry.payload, timeout=self.ack_timeout_s, headers=headers)

    def _is_from_a_new_stream(self, entry: Entry, ack: PubAck) -> bool:
        if ack.duplicate:
            return False
        highest = self._highest.get(ack.stream, 0)
        self._highest[ack.stream] = max(highest, ack.seq)
        self._last_on_subject[entry.subject] = ack.seq
        return ack.seq <= highest

    def _start_over(self, reason: str) -> None:
        _log.warning("publishing all events of this attempt again: %s", reason)
        self.position = 0
        for memory in (self._highest, self._last_on_subject, self._unchecked):
            memory.clear()

    def _skip(self, entry: Entry, answer: object, others_pass: bool) -> bool:
        """A message that alone is refused again and again must not hold up all that follow.

        A stream that is missing is waited for: it is on its way back, or somebody must be told.
        """
        offset, refusals = self._refused
        self._refused = (entry.end, refusals + 1 if offset == entry.end else 1)
        too_large = isinstance(answer, nats.errors.MaxPayloadError) or (
            isinstance(answer, APIError) and answer.err_code == _MESSAGE_TOO_LARGE)
        refused = too_large or (others_pass and not isinstance(answer, NoStreamResponseError))
        if not refused or self._refused[1] < _REFUSALS_BEFORE_SKIP:
            return False
        _log.error("the broker keeps refusing an event on %s, it is left out: %r", entry.subject, answer)
        self.position = entry.end
        return True
