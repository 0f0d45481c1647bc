"""Messages of subjects that another stream takes now are brought there; durables that nobody runs any more are removed.

Both can be killed at any point and done again. A message may then be copied a second time: the duplicate window of its
stream absorbs that within two minutes, the inboxes of the consumers at any time.
"""

from collections.abc import Sequence

import structlog
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from chassis.messaging.raw_message import MESSAGE_ID_HEADER
from contracts.streams import Move, RetiredConsumer

_log = structlog.get_logger(__name__)

_BATCH_MESSAGES, _BATCH_BYTES = 256, 32 * 1024**2
_PUBLISH_TIMEOUT_S = 10.0


class MoveError(RuntimeError):
    """A message landed in another stream than the one that should take its subject."""


async def move_messages(js: JetStreamContext, moves: Sequence[Move]) -> int:
    """Copies what still lies in the old streams and then removes it there; how many messages. Raises MoveError."""
    return sum([await _move(js, move) for move in moves])


async def remove_retired(js: JetStreamContext, retired: Sequence[RetiredConsumer]) -> list[str]:
    """The durables removed: those for which nothing waits and nothing is in hand."""
    return [consumer.durable for consumer in retired if await _remove(js, consumer)]


async def _move(js: JetStreamContext, move: Move) -> int:
    moved = 0
    while batch := await _next_batch(js, move):
        for message in batch:
            await _copy(js, message, move)
        await js.purge_stream(move.source, subject=move.subjects, seq=(batch[-1].seq or 0) + 1)
        moved += len(batch)
    if moved:
        _log.warning("messages_moved", subjects=move.subjects, source=move.source, target=move.target, count=moved)
    return moved


async def _next_batch(js: JetStreamContext, move: Move) -> list[RawStreamMsg]:
    found: list[RawStreamMsg] = []
    sequence, size = 1, 0
    while len(found) < _BATCH_MESSAGES and size < _BATCH_BYTES:
        try:
            message = await js.get_msg(move.source, seq=sequence, subject=move.subjects, next=True)
        except NotFoundError:
            break
        found.append(message)
        sequence, size = (message.seq or 0) + 1, size + len(message.data or b"")
    return found


async def _copy(js: JetStreamContext, message: RawStreamMsg, move: Move) -> None:
    confirmed = await js.publish(
        message.subject or "", message.data or b"", timeout=_PUBLISH_TIMEOUT_S, headers=_kept(message.headers or {}),
    )
    if confirmed.stream != move.target:
        raise MoveError(f"{message.subject} of {move.source} went to {confirmed.stream} instead of {move.target}")


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """All but the server's own: what a pod once asked of the old stream (an expected sequence, say) is not asked of
    the new one."""
    return {name: value for name, value in headers.items() if name == MESSAGE_ID_HEADER or not _is_the_servers(name)}


def _is_the_servers(name: str) -> bool:
    return name.lower().startswith("nats-")


async def _remove(js: JetStreamContext, consumer: RetiredConsumer) -> bool:
    try:
        info = await js.consumer_info(consumer.stream, consumer.durable)
    except NotFoundError:
        return False
    if info.num_pending or info.num_ack_pending:
        return False
    await js.delete_consumer(consumer.stream, consumer.durable)
    _log.warning("consumer_removed", durable=consumer.durable, stream=consumer.stream)
    return True
