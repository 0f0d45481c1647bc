"""Partitions appear once, however many writers need them at the same moment."""

import asyncio

from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository.connections import writing
from services.metrics_ingest.adapters.repository.partitions import ensure_partition, partition_name


async def test_two_writers_that_need_the_same_partition_get_one(database: Database) -> None:
    """The second waits for the first, and must see what the first has made meanwhile."""
    async with writing(database) as first:
        await ensure_partition(first, 7)
        second = asyncio.create_task(_make(database, 7))
        while not await first.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            await asyncio.sleep(0.02)
    await second
    async with database.read() as connection:
        made = await connection.exec_driver_sql(f"SELECT to_regclass('{partition_name(7)}')")
        assert made.scalar() is not None


async def _make(database: Database, number: int) -> None:
    async with writing(database) as connection:
        await ensure_partition(connection, number)
