"""One service's PostgreSQL database: short transactions over SQLAlchemy Core, nothing else."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis import tls
from chassis.database import scope
from chassis.database.address import split
from chassis.database.compiled import CompiledRead, DriverPool
from chassis.database.password import password_of
from chassis.database.scoped_connection import ScopedConnection, show_in_transaction

# SQLSTATE classes that say "not now" rather than "never": connection lost, rollback by serialization or
# deadlock, out of resources, operator intervention (shutdown, restart, starting up), system error; a lock that was
# not to be had (55P03), a statement that took too long (57014), a transaction that was idle for too long (25P03).
_TRANSIENT_SQLSTATES = ("08", "40", "53", "57P", "58", "55P03", "57014", "25P03")

# What the server ends by itself, so that a replica that hangs or lost its power cannot hold others up for long.
_SERVER_SETTINGS = {
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# So much sooner than its caller gives up the server ends a statement: one that it still runs is not given up.
_SERVER_GIVES_UP_EARLIER = 0.8


_AFTER_COMMIT = "brightrun_after_commit"


def after_commit(tx: AsyncConnection, action: Callable[[], object]) -> None:
    """Something short that must not happen for a transaction that is rolled back: counting it. Must not raise."""
    tx.info.setdefault(_AFTER_COMMIT, []).append(action)


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL did not give a connection: down, starting, unreachable, or the pool is exhausted."""


@dataclass(frozen=True)
class _Pools:
    """Connections of one role: for transactions, for reads outside of any, and the driver's own for the few reads
    that are asked for all the time. `walled`: the role sees the rows of one workspace at a time."""

    writes: AsyncEngine
    reads: AsyncEngine
    driver: DriverPool
    walled: bool

    def used(self) -> dict[str, tuple[int, int]]:
        queues = {"transactions": self.writes.sync_engine.pool, "reads": self.reads.sync_engine.pool}
        used: dict[str, tuple[int, int]] = {
            name: (pool.checkedout(), pool.checkedin()) for name, pool in queues.items()}  # type: ignore[attr-defined]
        return used | {"rows": self.driver.used()}

    async def dispose(self) -> None:
        await self.writes.dispose()
        await self.reads.dispose()
        await self.driver.close()


class Database:
    """The connections of one service: those of its own role for `every_workspace()`, those of its tenant role for
    everything else (`tenant_url`; without it there is one role, and no second wall).

    A connection that its server has closed is noticed before use and replaced, so a restart of PostgreSQL costs at
    most the statements that were running.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant_url: str = "",
        pool_size: int = 10,
        max_overflow: int = 10,
        pool_timeout_s: float = 5.0,
        connect_timeout_s: float = 5.0,
        command_timeout_s: float = 30.0,
        application_name: str = "brightrun",
    ) -> None:
        """`command_timeout_s`: what a statement may take, also where no answer comes (dropped packets)."""
        self.url, self.tenant_url = url, tenant_url
        pool = {"pool_size": pool_size, "max_overflow": max_overflow, "pool_timeout": pool_timeout_s}
        timeouts = (connect_timeout_s, command_timeout_s)
        self._every = _pools(url, pool, timeouts, application_name)
        self._tenant = _pools(tenant_url, pool, timeouts, application_name, walled=True) if tenant_url else self._every

    @property
    def _pools(self) -> _Pools:
        return self._every if scope.current() == "every" else self._tenant

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A read-write transaction in the present scope (`chassis.database.scope`): committed at the end of the
        block, rolled back when it raises.

        Raises DatabaseUnavailable when no connection could be opened.
        """
        pools = self._pools
        async with _connected(pools.writes) as connection:
            connection.info.pop(_AFTER_COMMIT, None)
            async with connection.begin():
                if pools.walled:
                    await show_in_transaction(connection)
                yield connection
            for action in connection.info.pop(_AFTER_COMMIT, ()):
                action()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For reading: PostgreSQL refuses every write. Each statement sees what was committed before it."""
        pools = self._pools
        async with _connected(pools.reads) as connection:
            if pools.walled:
                await _show(connection)
            yield connection

    async def rows(self, read: CompiledRead, **values: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of one statement, by the shortest way; otherwise as `read`. JSON columns come decoded.

        Raises DatabaseUnavailable for whatever may be gone in a moment.
        """
        try:
            return await self._pools.driver.rows(read, values)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolTimeoutError) as error:
            if isinstance(error, ValueError):  # a value of the wrong type, which the driver calls so
                raise
            raise _unavailable(error) from error

    async def ping(self) -> None:
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    def pools(self) -> dict[str, tuple[int, int]]:
        """(lent, open and idle) of each pool, of both roles together."""
        used = [pools.used() for pools in {id(pools): pools for pools in (self._every, self._tenant)}.values()]
        return {name: (sum(each[name][0] for each in used), sum(each[name][1] for each in used)) for name in used[0]}

    async def dispose(self) -> None:
        await self._every.dispose()
        if self._tenant is not self._every:
            await self._tenant.dispose()


def _pools(
    url: str, pool: Mapping[str, Any], timeouts: tuple[float, float], application_name: str, *, walled: bool = False
) -> _Pools:
    """Connects nothing yet."""
    own = {"application_name": application_name}
    writing, reading = _connect(*timeouts, own), _connect(*timeouts, own | {"default_transaction_read_only": "on"})
    password = password_of(url)
    through = {"async_creator_fn": password.connect} if password else {}
    # Without BEGIN and COMMIT around it a read is one round trip instead of three; the server refuses writes.
    reads = _engine(url, pool, reading | through).execution_options(isolation_level="AUTOCOMMIT")
    address, secured = split(url)
    driver = DriverPool(
        address.render_as_string(hide_password=False), size=pool["pool_size"], wait_s=pool["pool_timeout"],
        walled=walled, **reading, **secured, **({"connect": password.connect} if password else {}))
    return _Pools(_engine(url, pool, writing | through), reads, driver, walled)


async def _show(connection: AsyncConnection) -> None:
    """Raises DatabaseUnavailable as a connection that could not be opened."""
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, ScopedConnection)
    try:
        await raw.show_current()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> Exception:
    """What the driver raised, as DatabaseUnavailable where it may be gone in a moment."""
    if isinstance(error, asyncpg.InterfaceError | OSError) or is_transient(error):
        return DatabaseUnavailable(f"PostgreSQL is not available: {error!r}")
    return error


def _engine(url: str, pool: Mapping[str, Any], connect: Mapping[str, Any]) -> AsyncEngine:
    address, secured = split(url)
    engine = create_async_engine(address, connect_args={**connect, **secured}, **pool)
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _notice_silence)
    return engine


def _notice_silence(context: Any) -> None:
    """The driver's time limit for a statement: nobody knows what became of it, and its connection is of no more use."""
    if isinstance(context.original_exception, TimeoutError):
        context.is_disconnect = True
        raise DatabaseUnavailable("PostgreSQL did not answer in time") from context.original_exception


def _connect(timeout_s: float, command_timeout_s: float, server_settings: Mapping[str, str]) -> dict[str, Any]:
    """What the driver is told about each connection."""
    statement_timeout = f"{command_timeout_s * _SERVER_GIVES_UP_EARLIER * 1000:.0f}ms"
    return {
        "connection_class": ScopedConnection,
        "timeout": timeout_s,
        "command_timeout": command_timeout_s,
        "server_settings": {**_SERVER_SETTINGS, "statement_timeout": statement_timeout, **server_settings},
    }


def _refuse_closed(dbapi_connection: Any, *_: Any) -> None:
    """The driver knows when the server hung up: a look instead of the pool's ping, which is a round trip."""
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    connection = engine.connect()
    try:
        await connection.start()
    except Exception as error:
        if isinstance(error, OSError) or is_transient(error):
            raise DatabaseUnavailable(f"PostgreSQL is not available: {tls.reason(error) or error}") from error
        raise
    try:
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
