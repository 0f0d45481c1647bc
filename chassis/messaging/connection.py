"""One FastStream broker whose client is made anew whenever it is beyond repair, and closed for certain before that."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog
from faststream.nats import NatsCredentials, NatsSecurity
from nats.aio.client import Client
from nats.js import JetStreamContext

from chassis.cancellation import cancel_and_wait
from chassis.messaging.broker import ClosingBroker
from chassis.messaging.metrics import NATS_CONNECTED
from chassis.tls import reason as tls_reason

_log = structlog.get_logger(__name__)

API_TIMEOUT_S = 5.0
# nats-py's own reconnect loop can die quietly (an error callback that raises, an authorization error while the
# server restarts); after this long without a connection a new client is made.
_REBUILD_AFTER_S = 10.0
# A broker that fell silent is noticed after the third ping without an answer: 15 to 20 s.
_PING_EVERY_S, _UNANSWERED_PINGS = 5, 2

Epoch = tuple[Client, int]


class NotConnected(ConnectionError):
    """NATS is not connected just now."""


class ConnectionLost(NotConnected):
    """It was lost while an answer was waited for: nobody knows whether the question arrived."""


def epoch_of(client: Client) -> Epoch:
    """Changes with each (re)connection: the server may have changed meanwhile."""
    return client, client.stats["reconnects"]


class NatsConnection:
    """Keeps a broker connected for ever. Routers included in `broker` before `start` live as long as it does."""

    def __init__(
        self, url: str, *, name: str, inbox_prefix: str, creds_file: str = "", grace_s: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url, self._trouble = url, ""
        self._lost_at, self._waiting = float("-inf"), set[asyncio.Timeout]()
        self._creds_file, self._creds_shown = creds_file, _stamp(creds_file)
        self._task: asyncio.Task[None] | None = None
        self._connected, self._closed = asyncio.Event(), asyncio.Event()
        options: dict[str, Any] = {"security": _security(creds_file, tls)} if creds_file or tls else {}
        self.broker = ClosingBroker(
            url, name=name, inbox_prefix=inbox_prefix, max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]
            connect_timeout=2, ping_interval=_PING_EVERY_S, max_outstanding_pings=_UNANSWERED_PINGS,
            drain_timeout=5, pending_size=16 * 1024 * 1024,
            graceful_timeout=grace_s, reconnected_cb=self._reconnected, disconnected_cb=self._disconnected,
            closed_cb=self._on_closed, error_cb=self._on_error, logger=None,
            # Contracts are the one parser of what comes in (see `decoder=` of the subscribers).
            serializer=None, **options,
        )

    async def start(self, wait_s: float = 10.0) -> bool:
        """Begin to connect. Returns whether the connection stood within `wait_s`; otherwise it goes on trying."""
        self._task = asyncio.create_task(self._keep_connected(), name="nats-connection")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._connected.wait()
        return self.is_connected

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task, again_after_s=3 * API_TIMEOUT_S)
            self._task = None

    def provide(self, values: Mapping[str, Any]) -> None:
        """What handlers may ask for by `FromContext(name)`."""
        for name, value in values.items():
            self.broker.context.set_global(name, value)

    @property
    def is_connected(self) -> bool:
        return self.broker.client is not None and self.broker.client.is_connected

    @property
    def client(self) -> Client:
        """The connected client. Raises NotConnected."""
        client = self.broker.client
        if client is None or not client.is_connected:
            raise NotConnected("NATS is not connected")
        return client

    @property
    def epoch(self) -> Epoch | None:
        """Of the present connection; None while there is none."""
        return epoch_of(self.client) if self.is_connected else None

    @property
    def jetstream(self) -> JetStreamContext:
        return self.client.jetstream(timeout=API_TIMEOUT_S)

    async def wait_connected(self) -> None:
        await self._connected.wait()

    def lost_within(self, seconds: float) -> bool:
        """Whether the connection was lost so short a time ago, be it back or not."""
        is_being_lost = self._connected.is_set() and not self.is_connected  # the client has not told us yet
        return is_being_lost or time.monotonic() - self._lost_at < seconds

    @asynccontextmanager
    async def unbroken(self) -> AsyncIterator[None]:
        """For waiting for an answer, which a new connection does not bring. Raises ConnectionLost."""
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                yield
        except TimeoutError as error:
            if waiting.expired():
                raise ConnectionLost("the connection to NATS was lost") from error
            raise
        finally:
            self._waiting.discard(waiting)

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._serve()
            except Exception as error:
                _log.warning("nats_connection_failed", url=self._url, error=repr(error))
            finally:
                self._lost()
                given_up = self.broker.client
                await _quietly(self.broker.stop)
                if given_up is not None:
                    await _quietly(partial(_end, given_up))
            await asyncio.sleep(0.5)

    async def _serve(self) -> None:
        """Connect, then watch until this client is beyond repair."""
        self._closed.clear()
        await self.broker.start()
        await self._established()
        last_seen = time.monotonic()
        while not self._closed.is_set() and time.monotonic() - last_seen < _REBUILD_AFTER_S:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._closed.wait()
            if self.is_connected:
                last_seen = time.monotonic()
                await self._show_new_credentials()

    async def _show_new_credentials(self) -> None:
        """They were replaced: connect with them now, of our own accord, before the old ones are refused."""
        if self._creds_shown == (found := _stamp(self._creds_file)) or not found:
            return
        _log.info("nats_credentials_changed", url=self._url)
        await _take_no_more_questions(self.client)
        self._creds_shown = found
        await self.client.force_reconnect()

    async def _established(self) -> None:
        self._connected.set()
        self._trouble = ""
        NATS_CONNECTED.set(1)
        _log.info("nats_connected", url=self._url)

    async def _reconnected(self) -> None:
        if self.is_connected:  # else a client spoke that was given up
            await self._established()

    async def _disconnected(self) -> None:
        self._lost()
        _log.warning("nats_disconnected", url=self._url)

    async def _on_error(self, error: Exception) -> None:
        """Of the client, which goes on trying. The same trouble is told once."""
        trouble = tls_reason(error) or str(error) or repr(error)
        if trouble != self._trouble:
            _log.warning("nats_trouble", url=self._url, error=trouble)
        self._trouble = trouble

    async def _on_closed(self) -> None:
        self._lost()
        self._closed.set()

    def _lost(self) -> None:
        if self._connected.is_set():
            self._lost_at = time.monotonic()
        self._connected.clear()
        NATS_CONNECTED.set(0)
        for waiting in self._waiting:
            waiting.reschedule(asyncio.get_running_loop().time())
        self._waiting.clear()


async def _end(client: Client) -> None:
    """For certain: its reconnecting may swallow the cancellation by `close`, and would bring back what was given up."""
    if (reconnecting := client._reconnection_task) is not None:
        await cancel_and_wait(reconnecting)
    await client.close()


async def _take_no_more_questions(client: Client) -> None:
    """Before the connection is changed: a question that the server sent into the old one would be lost. From here on
    it goes to another replica, or its asker hears at once that nobody answers. Reconnecting subscribes again."""
    for sid, subscription in list(client._subs.items()):
        if subscription.queue:
            await client._send_unsubscribe(sid)
    await client.flush(int(API_TIMEOUT_S))


def _stamp(creds_file: str) -> tuple[int, int] | None:
    """Changes whenever the file is replaced; None while there is none."""
    try:
        found = os.stat(creds_file)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino


def _security(creds_file: str, tls: ssl.SSLContext | None) -> NatsSecurity:
    return NatsCredentials(creds_file, ssl_context=tls) if creds_file else NatsSecurity(ssl_context=tls)


async def _quietly(stop: Callable[[], Awaitable[None]]) -> None:
    """A broker that fails to stop was being thrown away anyway."""
    try:
        await stop()
    except Exception as error:
        _log.debug("nats_broker_stop_failed", error=repr(error))
