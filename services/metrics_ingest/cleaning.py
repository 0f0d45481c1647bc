"""Rows of deleted jobs go: whole partitions where all jobs are gone, small bites elsewhere."""

from typing import Any

import structlog
from asyncpg.exceptions import LockNotAvailableError

from chassis.database.engine import Database
from services.metrics_ingest.connections import writing
from services.metrics_ingest.hot_window import HotWindow
from services.metrics_ingest.partitions import JOBS_PER_PARTITION, ensure_partition, partition_name, partition_of

_log = structlog.get_logger(__name__)
_BITE = 20_000
# Tombstones outlast every message that could bring their job back: the dead letters are kept for 90 days.
_TOMBSTONE_DAYS = 120

_EXPIRE = """
UPDATE jobs SET deleted_at = now()
WHERE deleted_at IS NULL AND last_point_at < now() - make_interval(days => $1)"""
_NEXT = "SELECT job_no, job_id FROM jobs WHERE deleted_at IS NOT NULL AND purged_at IS NULL ORDER BY job_no"
_BITE_OFF = """
DELETE FROM metric_points WHERE job_no = $1 AND ctid = ANY (ARRAY(
    SELECT ctid FROM metric_points WHERE job_no = $1 LIMIT $2))"""
_REST = ("segments", "blocks", "attempts", "job_metrics")
_GONE = """
SELECT job_no / $1 AS number FROM jobs GROUP BY 1
HAVING bool_and(deleted_at IS NOT NULL) AND bool_or(purged_at IS NULL)
    AND (job_no / $1) < (SELECT max(job_no) FROM jobs) / $1"""


class Cleaner:
    def __init__(self, database: Database, hot: HotWindow, retention_days: int) -> None:
        self._database, self._hot, self._retention_days = database, hot, retention_days

    async def clean(self) -> None:
        """Expire, drop, purge, and make the next partition before it is needed."""
        if self._retention_days:
            async with writing(self._database) as connection:
                await connection.execute(_EXPIRE, self._retention_days)
        await self._drop_partitions()
        async with writing(self._database) as connection:
            due = await connection.fetch(_NEXT)
        for row in due:
            await self._hot.drop(row["job_id"])
            await self._purge(row["job_no"])
        await self._prepare()

    async def _purge(self, job_no: int) -> None:
        removed = _BITE
        while removed == _BITE:
            async with writing(self._database) as connection:
                removed = _count(await connection.execute(_BITE_OFF, job_no, _BITE))
        async with writing(self._database) as connection:
            for table in _REST:
                await connection.execute(f"DELETE FROM {table} WHERE job_no = $1", job_no)  # noqa: S608  our names
            await connection.execute("UPDATE jobs SET purged_at = now() WHERE job_no = $1", job_no)
        _log.info("job_purged", job_no=job_no)

    async def _drop_partitions(self) -> None:
        async with writing(self._database) as connection:
            numbers = [row["number"] for row in await connection.fetch(_GONE, JOBS_PER_PARTITION)]
        for number in numbers:
            try:
                await self._drop(number)
            except LockNotAvailableError:
                # Readers hold the parent for milliseconds; when one holds it longer the next round tries again.
                _log.info("partition_in_use", partition=partition_name(number))

    async def _drop(self, number: int) -> None:
        async with writing(self._database) as connection:
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            await connection.execute(f"DROP TABLE IF EXISTS {partition_name(number)}")
        _log.info("partition_dropped", partition=partition_name(number))

    async def _prepare(self) -> None:
        async with writing(self._database) as connection:
            await connection.execute(
                "DELETE FROM jobs WHERE purged_at < now() - make_interval(days => $1)", _TOMBSTONE_DAYS
            )
            newest = await connection.fetchval("SELECT last_value FROM jobs_job_no_seq")
            await _ensure_next(connection, newest)


async def _ensure_next(connection: Any, newest: int) -> None:
    for number in (partition_of(newest), partition_of(newest + JOBS_PER_PARTITION // 2)):
        await ensure_partition(connection, number)


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
