"""Wake a loop when PostgreSQL says so (LISTEN/NOTIFY) or when somebody in the process does."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog
from sqlalchemy import URL

from chassis.cancellation import cancel_and_wait
from chassis.database.address import split
from chassis.database.password import password_of

_log = structlog.get_logger(__name__)

_HEARTBEAT_S = 10.0
_RECONNECT_S = 1.0
_CONNECT_TIMEOUT_S = 5.0


class PgListener:
    """`async with PgListener(url, channel) as listener: await listener.wait(1.0)`.

    Keeps a connection of its own for LISTEN and reconnects for ever. Notifications are lost while it is away:
    `wait` therefore always has a timeout, and every (re)connection wakes once. Without `url`, only `wake` wakes.
    """

    def __init__(self, url: str | None = None, channel: str = "") -> None:
        self._address = split(url) if url else None
        self._password = password_of(url) if url else None
        self._channel = channel
        self._event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Until woken (True) or until the time is over (False)."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    async def __aenter__(self) -> Self:
        if self._address is not None:
            self._task = asyncio.create_task(self._listen_for_ever(*self._address), name=f"listen-{self._channel}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def _listen_for_ever(self, address: URL, tls: dict[str, Any]) -> None:
        dsn = address.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                await self._listen(dsn, tls)
            except Exception as error:
                _log.debug("listen_failed", channel=self._channel, error=repr(error))
            await asyncio.sleep(_RECONNECT_S)

    async def _listen(self, dsn: str, tls: dict[str, Any]) -> None:
        """One connection's life. Returns or raises when it is lost."""
        connect = self._password.connect if self._password else asyncpg.connect
        connection = await connect(dsn, timeout=_CONNECT_TIMEOUT_S, **tls)
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(self._channel, self._on_notify)
            self.wake()
            while not lost.is_set():
                await connection.execute("SELECT 1", timeout=_CONNECT_TIMEOUT_S)  # finds a peer that went silently
                with suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_S):
                        await lost.wait()
        finally:
            connection.terminate()

    def _on_notify(self, *_: Any) -> None:
        self.wake()
