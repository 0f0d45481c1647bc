"""FastStream's broker with a client that is closed for certain."""

import asyncio
from contextlib import suppress
from typing import Any

from faststream._internal.broker import BrokerUsecase
from faststream.nats import NatsBroker
from nats.aio.client import Client

from chassis.messaging.tls import TlsOnlyClient

_CLOSE_TIMEOUT_S = 5.0


class ClosingBroker(NatsBroker):
    """FastStream's broker, except that `stop` always closes its client.

    FastStream 0.7.8 drains it and lets go of it only when that works. A client that is reconnecting cannot be
    drained: it would stay, connect later, and answer requests beside its successor.
    """

    client: Client | None = None

    async def _connect(self) -> Client:
        self.client = TlsOnlyClient() if self._connection_kwargs.get("tls") else Client()
        await self.client.connect(**self._connection_kwargs)
        self.config.connect(self.client)
        return self.client

    async def stop(self, exc_type: Any = None, exc_val: Any = None, exc_tb: Any = None) -> None:
        try:
            await self._stop_subscribers()
            if self.client is not None and self.client.is_connected:
                await self.client.drain()
        finally:
            await self._let_go()

    async def _stop_subscribers(self) -> None:
        """A subscription of a lost connection cannot be ended; asked to, a subscriber would stop half-way."""
        if self.client is None or not self.client.is_connected:
            self._forget_subscriptions()
        try:
            await BrokerUsecase.stop(self)
        except ExceptionGroup:  # the connection was lost meanwhile
            self._forget_subscriptions()
            await BrokerUsecase.stop(self)

    def _forget_subscriptions(self) -> None:
        for subscriber in self.subscribers:
            subscriber.subscription = None  # type: ignore[attr-defined]

    async def _let_go(self) -> None:
        client, self.client, self._connection = self.client, None, None
        self.config.disconnect()
        if client is not None and not client.is_closed:
            with suppress(Exception):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await client.close()
