"""One service's PostgreSQL database: short transactions over SQLAlchemy Core, nothing else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

# SQLSTATE classes that say "not now" rather than "never": connection lost, rollback by serialization or
# deadlock, out of resources, operator intervention (shutdown, restart, starting up), system error; a lock that was
# not to be had (55P03), a statement that took too long (57014), a transaction that was idle for too long (25P03).
_TRANSIENT_SQLSTATES = ("08", "40", "53", "57P", "58", "55P03", "57014", "25P03")

# What the server ends by itself, so that a replica that hangs or lost its power cannot hold others up for long.
_SERVER_SETTINGS = {
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_COMMAND_TIMEOUT_S = 65.0  # longer than the server's own: dropped packets, a server that is gone


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL did not give a connection: down, starting, unreachable, or the pool is exhausted."""


class Database:
    """The connection pool of one service. Connections are checked before use, so a restart of PostgreSQL
    costs at most the transactions that were open."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        max_overflow: int = 10,
        pool_timeout_s: float = 5.0,
        connect_timeout_s: float = 5.0,
        application_name: str = "brightrun",
    ) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout_s,
            pool_pre_ping=True,
            connect_args={
                "timeout": connect_timeout_s,
                "command_timeout": _COMMAND_TIMEOUT_S,
                "server_settings": {**_SERVER_SETTINGS, "application_name": application_name},
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A read-write transaction: committed at the end of the block, rolled back when it raises.

        Raises DatabaseUnavailable when no connection could be opened.
        """
        async with self._connection(read_only=False) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction; PostgreSQL refuses every write in it."""
        async with self._connection(read_only=True) as connection, connection.begin():
            yield connection

    async def ping(self) -> None:
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def _connection(self, *, read_only: bool) -> AsyncIterator[AsyncConnection]:
        connection = self.engine.connect()
        try:
            await connection.start()
        except Exception as error:
            if isinstance(error, OSError) or is_transient(error):
                raise DatabaseUnavailable(f"PostgreSQL is not available: {error}") from error
            raise
        try:
            if read_only:
                await connection.execution_options(postgresql_readonly=True)
            yield connection
        finally:
            await connection.close()


def is_transient(error: BaseException) -> bool:
    """Whether the database was merely unable just now (down, restarting, deadlock, serialization failure,
    pool exhausted), so that the same transaction can succeed later unchanged."""
    return any(_is_transient(link) for link in _chain(error))


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, (PoolTimeoutError, OperationalError, InterfaceError, ConnectionError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return str(getattr(error, "sqlstate", "") or "").startswith(_TRANSIENT_SQLSTATES)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it wraps (`orig`) and its explicit causes."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = getattr(link, "orig", None) or link.__cause__
