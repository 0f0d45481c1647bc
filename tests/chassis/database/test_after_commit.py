"""What is counted after a commit is counted once, and never for what was rolled back."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from chassis.database.engine import Database, after_commit
from chassis.database.figures import PoolCollector, PostgresCollector


@pytest_asyncio.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    made = Database(empty_database, pool_size=1, max_overflow=0)
    yield made
    await made.dispose()


async def test_only_what_was_committed_is_counted(database: Database) -> None:
    counted: list[str] = []
    async with database.transaction() as tx:
        after_commit(tx, lambda: counted.append("committed"))
        assert counted == []
    with suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            after_commit(tx, lambda: counted.append("rolled back"))
            raise ZeroDivisionError
    async with database.transaction() as tx:  # the pool's only connection again
        await tx.execute(text("SELECT 1"))
    assert counted == ["committed"]


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


async def test_prometheus_is_told_of_pools_and_server(database: Database) -> None:
    registry, postgres = CollectorRegistry(), PostgresCollector(database)
    registry.register(postgres)
    registry.register(PoolCollector(database, limit=1))
    assert value(registry, "brightrun_postgres_connections") is None
    async with database.transaction():
        await postgres.measure()
        assert value(registry, "brightrun_database_pool_connections", pool="transactions", state="in_use") == 1
    assert value(registry, "brightrun_database_pool_connections", pool="transactions", state="in_use") == 0
    assert value(registry, "brightrun_database_pool_limit", pool="reads") == 1
    assert (value(registry, "brightrun_postgres_database_size_bytes") or 0) > 1_000_000
    assert 0 < (value(registry, "brightrun_postgres_connections") or 0) <= (
        value(registry, "brightrun_postgres_connections_limit") or 0)


async def test_figures_of_a_server_that_went_away_are_not_shown(database: Database) -> None:
    registry, away = CollectorRegistry(), Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    postgres = PostgresCollector(database)
    registry.register(postgres)
    await postgres.measure()
    postgres._database = away
    with pytest.raises(ConnectionError):
        await postgres.measure()
    assert value(registry, "brightrun_postgres_connections") is None
    await away.dispose()
