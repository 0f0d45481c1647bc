"""One delivery of a message: nats-py's `Msg`, safe to settle."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property

from nats.aio.msg import Msg

from chassis.messaging.connection import Epoch, epoch_of
from chassis.messaging.raw_message import RawMessage


class Delivery(Msg):
    """Settled at most once; a settlement that does not get through means that the message comes again.

    It counts only within the connection epoch it came in. After a reconnect the server may have lost its store,
    and the same sequence number may then belong to another message: an old ack would settle that one unseen.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]
    epoch: Epoch

    @classmethod
    def of(cls, message: Msg, epoch: Epoch) -> "Delivery":
        made = cls(message._client, message.subject, message.reply, message.data, message.headers)
        made.epoch = epoch
        return made

    @cached_property
    def raw(self) -> RawMessage:
        return RawMessage.of(self)

    async def ack(self) -> None:
        await self._once(super().ack)

    async def term(self) -> None:
        await self._once(super().term)

    async def nak(self, delay: float | None = None) -> None:
        nak = super().nak
        await self._once(lambda: nak(delay=delay))

    async def in_progress(self) -> None:
        await self._once(super().in_progress)

    async def _once(self, send: Callable[[], Awaitable[None]]) -> None:
        if not self.is_acked and epoch_of(self._client) == self.epoch:
            with suppress(Exception):
                await send()
