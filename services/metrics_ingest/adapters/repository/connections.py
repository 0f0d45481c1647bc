"""The driver's own connection: COPY and large results are not for SQLAlchemy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database, DatabaseUnavailable


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[Any]:
    """An asyncpg connection in a transaction that commits at the end of the block."""
    async with _translated(), database.transaction() as tx:
        yield await driver_connection(tx)


async def driver_connection(tx: AsyncConnection) -> Any:
    """The asyncpg connection of an open transaction."""
    await tx.execute(text("SELECT"))  # the transaction begins with SQLAlchemy's first statement
    return (await tx.get_raw_connection()).driver_connection


@asynccontextmanager
async def reading(database: Database) -> AsyncIterator[Any]:
    """An asyncpg connection for reading; each statement sees what was committed before it."""
    async with _translated(), database.read() as connection:
        yield (await connection.get_raw_connection()).driver_connection


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError) as error:
        raise DatabaseUnavailable(f"the connection to PostgreSQL was lost: {error}") from error
