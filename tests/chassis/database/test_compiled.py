"""Reads that go straight to the driver: the same rows, the same refusals, the same failures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.database.compiled import CompiledRead
from chassis.database.engine import Database, DatabaseUnavailable
from chassis.problems.failures import problem_for

metadata = MetaData()
things = Table(
    "things", metadata, Column("id", Uuid(as_uuid=True), primary_key=True), Column("name", Text),
    Column("tags", ARRAY(Text)), Column("made_at", DateTime(timezone=True)), Column("more", JSONB))
ID, MADE = UUID(int=7), datetime(2026, 11, 1, 12, 30, 0, 123456, tzinfo=UTC)
MORE = {"b": [1, 2.5, None], "a": {"ä": "\n"}}
BY_ID = CompiledRead(select(things).where(things.c.id == bindparam("thing")))
SLEEP = CompiledRead(select(func.pg_sleep(bindparam("seconds"))))


@pytest_asyncio.fixture
async def database(new_empty_database: Callable[[], str]) -> AsyncIterator[Database]:
    made = Database(new_empty_database(), pool_size=1, pool_timeout_s=0.2)
    async with made.transaction() as tx:
        await tx.run_sync(metadata.create_all)
        await tx.execute(things.insert().values(id=ID, name="x", tags=["p", "q"], made_at=MADE, more=MORE))
    yield made
    await made.dispose()


async def test_the_rows_are_those_of_sqlalchemy(database: Database) -> None:
    async with database.read() as tx:
        expected = (await tx.execute(select(things))).mappings().one()
    (row,) = await database.rows(BY_ID, thing=ID)
    assert dict(row) == dict(expected) == {"id": ID, "name": "x", "tags": ["p", "q"], "made_at": MADE, "more": MORE}
    assert list(row["more"]) == list(expected["more"])
    assert await database.rows(BY_ID, thing=UUID(int=8)) == []


async def test_values_that_are_fixed_in_the_statement_stay(database: Database) -> None:
    named = CompiledRead(select(things.c.id).where(things.c.name == "x", things.c.id == bindparam("thing")))
    assert [row["id"] for row in await database.rows(named, thing=ID)] == [ID]
    with pytest.raises(KeyError, match="thimg"):
        await database.rows(named, thimg=ID)


async def test_a_write_is_refused(database: Database) -> None:
    writing = CompiledRead(select(func.lo_create(bindparam("number"))))
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await database.rows(writing, number=4711)


async def test_a_value_of_the_wrong_type_is_a_bug_and_no_outage(database: Database) -> None:
    with pytest.raises(asyncpg.DataError) as caught:
        await database.rows(BY_ID, thing="not an id")
    assert problem_for(caught.value) is None


async def test_busy_connections_are_said_to_be_busy(database: Database) -> None:
    running = asyncio.create_task(database.rows(SLEEP, seconds=1.0))
    await asyncio.sleep(0.3)
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.rows(BY_ID, thing=ID)
    problem = problem_for(caught.value)
    assert problem is not None
    assert (problem.status, problem.code) == (503, "database_busy")
    await running
    assert len(await database.rows(BY_ID, thing=ID)) == 1


async def test_a_read_that_is_cancelled_gives_its_connection_back(database: Database) -> None:
    running = asyncio.create_task(database.rows(SLEEP, seconds=30.0))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(await database.rows(BY_ID, thing=ID)) == 1


async def test_a_connection_that_the_server_closed_is_replaced(database: Database) -> None:
    (before,) = await database.rows(CompiledRead(select(func.pg_backend_pid().label("pid"))))
    async with database.transaction() as tx:
        await tx.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": before["pid"]})
    await asyncio.sleep(0.2)
    assert len(await database.rows(BY_ID, thing=ID)) == 1


async def test_a_server_that_is_down_is_unavailable(postgres_server: Any) -> None:
    url = postgres_server.create_database("gone")
    database = Database(url)
    one = CompiledRead(select(func.now().label("now")))
    assert len(await database.rows(one)) == 1
    await asyncio.to_thread(postgres_server.stop)
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.rows(one)
    problem = problem_for(caught.value)
    assert problem is not None
    assert (problem.status, problem.code) == (503, "database_unavailable")
    await asyncio.to_thread(postgres_server.start)
    assert len(await database.rows(one)) == 1
    await database.dispose()
    assert len(await database.rows(one)) == 1  # as the other pools: opened again when it is needed
    await database.dispose()
