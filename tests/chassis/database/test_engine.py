"""What the server ends by itself, and what its refusals mean."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.database.engine import Database, is_transient


@pytest_asyncio.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    made = Database(empty_database)
    yield made
    await made.dispose()


@pytest.mark.parametrize("pool", ["transaction", "read"])
async def test_the_server_ends_what_hangs(database: Database, pool: str) -> None:
    block: Callable = getattr(database, pool)
    async with block() as connection:
        found = {name: await connection.scalar(text(f"SHOW {name}")) for name in (
            "idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")}
    assert found == {"idle_in_transaction_session_timeout": "15s", "lock_timeout": "10s", "statement_timeout": "24s"}


async def test_a_server_that_lost_its_network_is_noticed(database: Database) -> None:
    """Over a socket of this machine PostgreSQL shows 0: there is nothing to keep alive."""
    async with database.read() as connection:
        kept = [await connection.scalar(text(f"SELECT reset_val FROM pg_settings WHERE name = 'tcp_keepalives_{part}'"))
                for part in ("idle", "interval", "count")]
    assert kept == ["15", "5", "3"]


async def run(database: Database, *statements: str) -> None:
    async with database.transaction() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def test_a_lock_that_is_not_to_be_had_is_tried_again_later(database: Database) -> None:
    lock = "SELECT pg_advisory_xact_lock(1)"
    async with database.transaction() as holder:
        await holder.execute(text(lock))
        with pytest.raises(DBAPIError, match="lock timeout") as caught:
            await run(database, "SET LOCAL lock_timeout = '20ms'", lock)
    assert is_transient(caught.value)


async def test_a_statement_that_took_too_long_is_tried_again_later(database: Database) -> None:
    with pytest.raises(DBAPIError, match="statement timeout") as caught:
        await run(database, "SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)")
    assert is_transient(caught.value)


async def test_a_transaction_that_did_nothing_for_too_long_frees_its_locks(database: Database) -> None:
    lock = "SELECT pg_advisory_xact_lock(2)"

    async def idle() -> None:
        async with database.transaction() as tx:
            await tx.execute(text(lock))
            await tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = '20ms'"))
            await run(database, lock)
            await tx.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError) as caught:
        await idle()
    assert is_transient(caught.value)


async def test_what_can_never_work_is_not_tried_again(database: Database) -> None:
    with pytest.raises(DBAPIError, match="division by zero") as caught:
        await run(database, "SELECT 1 / 0")
    assert not is_transient(caught.value)


async def test_reads_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with database.read() as connection:
            await connection.execute(text("CREATE TABLE t (n int)"))
