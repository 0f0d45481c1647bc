"""One delivery of a message: what came, and the ways to end it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from nats.aio.msg import Msg

from chassis.raw_message import RawMessage


class HasEpoch(Protocol):
    @property
    def epoch(self) -> int: ...


class Delivery:
    """Settled at most once; a settlement that does not get through means that the message comes again.

    It counts only within the connection epoch it came in. After a reconnect the server may have lost its store,
    and the same sequence number may then belong to another message: an old ack would settle that one unseen.
    """

    __slots__ = ("_connection", "_epoch", "_message", "_settled", "raw")

    def __init__(self, message: Msg, connection: HasEpoch, epoch: int) -> None:
        self.raw = RawMessage.of(message)
        self._message, self._connection, self._epoch = message, connection, epoch
        self._settled = False

    async def ack(self) -> None:
        await self._settle(self._message.ack)

    async def term(self) -> None:
        await self._settle(self._message.term)

    async def nak(self, delay_s: float | None = None) -> None:
        async def nak() -> None:
            await self._message.nak(delay=delay_s)

        await self._settle(nak)

    async def in_progress(self) -> None:
        if self._is_open:
            with suppress(Exception):
                await self._message.in_progress()

    @property
    def _is_open(self) -> bool:
        return not self._settled and self._connection.epoch == self._epoch

    async def _settle(self, send: Callable[[], Awaitable[None]]) -> None:
        if self._is_open:
            with suppress(Exception):
                await send()
                self._settled = True
