"""One connection to NATS that never gives up: reconnects for ever, and is rebuilt when the client closed or hangs."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from faststream.nats import NatsBroker, NatsCredentials
from nats.aio.client import Client
from nats.js import JetStreamContext

from chassis.cancellation import cancel_and_wait
from chassis.message_metrics import NATS_CONNECTED

_log = structlog.get_logger(__name__)

API_TIMEOUT_S = 5.0
# nats-py's own reconnect loop can die quietly (an error callback that raises, an authorization error while the
# server restarts); after this long without a connection a new client is made.
_REBUILD_AFTER_S = 15.0


class NotConnected(ConnectionError):
    """NATS is not connected just now."""


class NatsConnection:
    """Owns a FastStream broker and replaces it when needed. `register` declares the subscribers on each new broker.

    `epoch` grows with each (re)connection, so that others notice that the server may have changed.
    """

    def __init__(
        self, url: str, *, name: str, inbox_prefix: str, creds_file: str = "",
        register: Callable[[NatsBroker], None] = lambda broker: None,
    ) -> None:
        self._url, self._creds_file, self._name, self._inbox_prefix = url, creds_file, name, inbox_prefix
        self._register = register
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()
        self.epoch = 0

    async def start(self, wait_s: float = 10.0) -> bool:
        """Begin to connect. Returns whether the connection stood within `wait_s`; otherwise it goes on trying."""
        self._task = asyncio.create_task(self._keep_connected(), name="nats-connection")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._connected.wait()
        return self.is_connected

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task, again_after_s=2 * API_TIMEOUT_S)
            self._task = None

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The connected client. Raises NotConnected."""
        if self._client is None or not self._client.is_connected:
            raise NotConnected("NATS is not connected")
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        return self.client.jetstream(timeout=API_TIMEOUT_S)

    async def wait_connected(self) -> None:
        await self._connected.wait()

    async def _keep_connected(self) -> None:
        while True:
            broker = self._new_broker()
            try:
                await self._serve(broker)
            except Exception as error:
                _log.warning("nats_connection_failed", url=self._url, error=repr(error))
            finally:
                self._lost()
                self._client = None
                with suppress(Exception):
                    async with asyncio.timeout(API_TIMEOUT_S):
                        await broker.stop()
            await asyncio.sleep(0.5)

    async def _serve(self, broker: NatsBroker) -> None:
        """Connect, then watch until this client is beyond repair."""
        self._closed.clear()
        await broker.start()
        self._client = broker.connection
        await self._established()
        last_seen = time.monotonic()
        while not self._closed.is_set() and time.monotonic() - last_seen < _REBUILD_AFTER_S:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._closed.wait()
            if self.is_connected:
                last_seen = time.monotonic()

    def _new_broker(self) -> NatsBroker:
        options: dict[str, Any] = {"security": NatsCredentials(self._creds_file)} if self._creds_file else {}
        broker = NatsBroker(
            self._url,
            name=self._name,
            inbox_prefix=self._inbox_prefix,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]
            connect_timeout=2,
            ping_interval=10,
            drain_timeout=5,
            pending_size=16 * 1024 * 1024,
            reconnected_cb=self._established,
            disconnected_cb=self._disconnected,
            closed_cb=self._on_closed,
            logger=None,
            **options,
        )
        self._register(broker)
        return broker

    async def _established(self) -> None:
        self.epoch += 1
        self._connected.set()
        NATS_CONNECTED.set(1)
        _log.info("nats_connected", url=self._url, epoch=self.epoch)

    async def _disconnected(self) -> None:
        self._lost()
        _log.warning("nats_disconnected", url=self._url)

    async def _on_closed(self) -> None:
        self._lost()
        self._closed.set()

    def _lost(self) -> None:
        self._connected.clear()
        NATS_CONNECTED.set(0)
