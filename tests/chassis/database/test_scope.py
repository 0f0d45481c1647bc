"""Two roles over one table: what each scope reaches, by every way into the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert, select, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database import row_policies, row_security
from chassis.database.compiled import CompiledRead
from chassis.database.engine import Database
from chassis.database.scope import enter_workspace, every_workspace, in_every_workspace, one_workspace
from stack.parts import PostgresPart

NOTES = Table("notes", MetaData(), Column("workspace_id", PG_UUID(as_uuid=True)), Column("words", Text))
READ = CompiledRead(select(NOTES.c.words).order_by(NOTES.c.words))
OURS, THEIRS = uuid4(), uuid4()


@pytest.fixture
async def database(postgres: PostgresPart) -> AsyncIterator[Database]:
    """One connection for each way, so that each is used again and again. The owner is no superuser."""
    name = f"scope_{uuid4().hex[:12]}"
    url = postgres.create_database(name, tenant_password="")
    await _migrate(url)
    made = Database(url, tenant_url=url.replace(f"//{name}@", f"//{name}_tenant@"), pool_size=1, max_overflow=0)
    with every_workspace():
        async with made.transaction() as tx:
            await tx.execute(insert(NOTES), [
                {"workspace_id": OURS, "words": "ours"}, {"workspace_id": THEIRS, "words": "theirs"}])
    yield made
    await made.dispose()
    postgres.drop_database(name)


async def _migrate(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(NOTES.metadata.create_all)
        statements: list[str] = []
        row_policies.protect(_Recorder(statements.append), "notes")
        for statement in [*statements, row_security.grants()]:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


class _Recorder:
    def __init__(self, execute: Callable[[str], Any]) -> None:
        self.execute = execute


async def _in_transaction(database: Database) -> list[str]:
    async with database.transaction() as tx:
        return list((await tx.execute(select(NOTES.c.words).order_by(NOTES.c.words))).scalars())


async def _in_read(database: Database) -> list[str]:
    async with database.read() as tx:
        return list((await tx.execute(select(NOTES.c.words).order_by(NOTES.c.words))).scalars())


async def _by_the_driver(database: Database) -> list[str]:
    return [row["words"] for row in await database.rows(READ)]


WAYS = [_in_transaction, _in_read, _by_the_driver]


@pytest.mark.parametrize("way", WAYS)
async def test_each_scope_reaches_its_rows_on_the_same_connection(
    database: Database, way: Callable[[Database], Any]
) -> None:
    for _ in range(2):
        assert await way(database) == []
        with one_workspace(OURS):
            assert await way(database) == ["ours"]
            with one_workspace(THEIRS):
                assert await way(database) == ["theirs"]
            assert await way(database) == ["ours"]
            with every_workspace():
                assert await way(database) == ["ours", "theirs"]
        assert await way(database) == []


@pytest.mark.parametrize("way", WAYS)
async def test_requests_at_once_share_connections_and_no_rows(
    database: Database, way: Callable[[Database], Any]
) -> None:
    async def ask(workspace_id: UUID) -> list[str]:
        enter_workspace(workspace_id)  # for this task alone
        return list(await way(database))

    answers = await asyncio.gather(*(ask(workspace) for workspace in [OURS, THEIRS] * 20))
    assert answers == [["ours"], ["theirs"]] * 20
    assert await way(database) == []


async def test_a_read_that_fails_leaves_nothing_behind(database: Database) -> None:
    with one_workspace(OURS), pytest.raises(DBAPIError):
        async with database.read() as tx:
            await tx.execute(text("SELECT 1/0"))
    assert await _in_read(database) == []


async def test_a_row_of_another_workspace_is_not_written(database: Database) -> None:
    with one_workspace(OURS), pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction() as tx:
            await tx.execute(insert(NOTES).values(workspace_id=THEIRS, words="forged"))
    with one_workspace(OURS):
        async with database.transaction() as tx:
            await tx.execute(NOTES.update().values(words="changed"))
    with every_workspace():
        assert await _in_read(database) == ["changed", "theirs"]


@pytest.mark.parametrize("statement", [
    "SET ROLE {owner}", "SELECT set_config('role', '{owner}', false)", "SET SESSION AUTHORIZATION {owner}",
    "SET row_security = off; SELECT count(*) FROM notes", "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    "DROP POLICY one_workspace ON notes", "CREATE TABLE mine (n int)",
])
async def test_no_statement_takes_the_tenant_role_over_the_wall(database: Database, statement: str) -> None:
    owner = database.url.partition("//")[2].partition("@")[0]
    connection = await asyncpg.connect(database.tenant_url.replace("+asyncpg", ""))
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute(statement.format(owner=owner))
    await connection.close()


async def test_without_a_tenant_role_there_is_one_role_for_all(database: Database) -> None:
    alone = Database(database.url)
    with one_workspace(OURS):
        assert await _in_read(alone) == ["ours", "theirs"]
    await alone.dispose()


async def test_a_coroutine_function_of_every_workspace(database: Database) -> None:
    assert await in_every_workspace(_in_read)(database) == ["ours", "theirs"]
    assert await _in_read(database) == []
