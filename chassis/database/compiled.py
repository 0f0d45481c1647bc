"""Statements that are run so often that they go straight to the driver.

SQLAlchemy compiles them once. Its own way from a statement to its rows (a greenlet, a result, a processor for each
column) takes several times as long as the driver and PostgreSQL together do for a row by its key.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import asyncpg
import orjson
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_IDLE_S = 300.0
_LAST_READS_S = 2.0


class CompiledRead:
    """A SELECT; values that change are `bindparam`s and given by name to each read."""

    def __init__(self, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        self._fixed: dict[str, Any] = dict(compiled.params)
        self._order: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """In the order of `$1`, `$2`... Raises KeyError for a name that the statement has not."""
        if unknown := values.keys() - self._fixed.keys():
            raise KeyError(f"not in the statement: {', '.join(sorted(unknown))}")
        given = {**self._fixed, **values}
        return [given[name] for name in self._order]


class DriverPool:
    """Connections of the driver itself: opened when they are needed, closed after minutes without use."""

    def __init__(self, url: str, *, size: int, wait_s: float, walled: bool = False, **connect: Any) -> None:
        self._url, self._size, self._wait_s = url.replace("+asyncpg", ""), size, wait_s
        self._walled = walled
        self._connect = connect
        self._pool: asyncpg.Pool | None = None

    async def rows(self, read: CompiledRead, values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Raises what the driver raises, and SQLAlchemy's TimeoutError when all connections stayed busy."""
        pool = self._pool or await self._open()
        connection = await self._acquire(pool)
        try:
            if self._walled:
                await connection.show_current()
            return cast(Sequence[Mapping[str, Any]], await connection.fetch(read.sql, *read.arguments(values)))
        finally:
            await pool.release(connection)

    def used(self) -> tuple[int, int]:
        """(lent, open and idle)."""
        idle = self._pool.get_idle_size() if self._pool else 0
        return (self._pool.get_size() if self._pool else 0) - idle, idle

    async def close(self) -> None:
        """Reads that still run get a moment; the pool itself ends them after that."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_READS_S):
                    await pool.close()

    async def _acquire(self, pool: asyncpg.Pool) -> Any:
        try:
            return await pool.acquire(timeout=self._wait_s)
        except TimeoutError as error:
            if pool.get_size() < self._size:  # PostgreSQL did not answer
                raise
            raise PoolTimeoutError(f"all {self._size} connections were busy for {self._wait_s} s") from error

    async def _open(self) -> asyncpg.Pool:
        """Connects nothing yet, so that nobody else runs between here and the end of it."""
        self._pool = asyncpg.create_pool(
            self._url, min_size=0, max_size=self._size, max_inactive_connection_lifetime=_IDLE_S,
            init=_decode_jsonb, reset=_keep, **self._connect)
        return await self._pool


async def _decode_jsonb(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", format="binary", encoder=_to_jsonb,
                                    decoder=_from_jsonb)


def _to_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)


def _from_jsonb(stored: bytes) -> Any:
    return orjson.loads(memoryview(stored)[1:])  # the first byte is the version of the format


async def _keep(_: Any) -> None:
    """Instead of the pool's own reset, a round trip after each use: single reads leave nothing behind."""
