"""PostgreSQL falls silent: connections stay open and nothing comes back, as with dropped packets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import bindparam, select, text
from sqlalchemy.engine import make_url

from chassis.database.compiled import CompiledRead
from chassis.database.engine import Database, DatabaseUnavailable, is_transient
from chassis.database.listen import PgListener
from chassis.messaging.retry import Failure, classify
from tests.fixtures.partition import Partition

# A minute for what takes two seconds: busy machines.
PATIENCE_S = 60.0
ONE = CompiledRead(select(bindparam("one", 1).label("one")))


@pytest.fixture
def link(empty_database: str) -> Iterator[Partition]:
    with Partition(lambda: make_url(empty_database).port or 5432) as partition:
        yield partition


@pytest_asyncio.fixture
async def database(empty_database: str, link: Partition) -> AsyncIterator[Database]:
    url = make_url(empty_database).set(host="127.0.0.1", port=link.port).render_as_string(hide_password=False)
    made = Database(url, pool_size=3, connect_timeout_s=1.0, command_timeout_s=0.5)
    yield made
    await made.dispose()


async def write(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("SELECT 1"))


async def read(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))


async def rows(database: Database) -> None:
    await database.rows(ONE)


@pytest.mark.parametrize("use", [write, read, rows])
async def test_it_is_noticed_and_over_when_it_answers_again(database: Database, link: Partition, use: Any) -> None:
    """A message whose handler met this is not to blame for it: it waits without using up its tries."""
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(use(database) for _ in range(3)))
        with link.silent():
            met = await asyncio.gather(*(use(database) for _ in range(5)), return_exceptions=True)
            assert all(isinstance(error, DatabaseUnavailable) for error in met), met
            assert all(is_transient(error) and classify(error) is Failure.DEFERRED for error in met)
        await asyncio.gather(*(use(database) for _ in range(5)))


async def test_a_statement_that_was_cut_off_in_a_transaction_leaves_nothing_behind(
    database: Database, link: Partition
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with database.transaction() as tx:
            await tx.execute(text("CREATE TABLE things (id int)"))
        with pytest.raises(DatabaseUnavailable):
            await cut_off(database, link)
        async with database.transaction() as tx:
            assert (await tx.execute(text("SELECT count(*) FROM things"))).scalar_one() == 0


async def cut_off(database: Database, link: Partition) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO things VALUES (1)"))
        with link.silent():
            await tx.execute(text("INSERT INTO things VALUES (2)"))


async def test_a_handlers_own_time_limit_is_its_own(database: Database) -> None:
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.05), database.transaction():
            await asyncio.sleep(5)
    assert classify(caught.value) is Failure.COUNTED


async def test_a_listener_hears_again(database: Database, link: Partition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.database.listen._HEARTBEAT_S", 0.2)
    monkeypatch.setattr("chassis.database.listen._CONNECT_TIMEOUT_S", 0.3)
    async with asyncio.timeout(PATIENCE_S), PgListener(database.url, "news") as listener:
        assert await listener.wait(PATIENCE_S), "connected"
        with link.silent():
            await asyncio.sleep(1)
        while await listener.wait(1.0):
            pass
        async with database.transaction() as tx:
            await tx.execute(text("NOTIFY news"))
        assert await listener.wait(PATIENCE_S)
