"""Rows of deleted jobs."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.metrics_ingest.adapters.repository.partitions import JOBS_PER_PARTITION, partition_name

# Tombstones outlast every message that could bring their job back: the dead letters are kept for 90 days.
_TOMBSTONE_DAYS = 120

_EXPIRE = """
UPDATE jobs SET deleted_at = now()
WHERE deleted_at IS NULL AND last_point_at < now() - make_interval(days => $1)"""
_DELETED = "SELECT job_no, job_id FROM jobs WHERE deleted_at IS NOT NULL AND purged_at IS NULL ORDER BY job_no"
# What another replica is removing just now is left to it.
_BITE_OFF = """
DELETE FROM metric_points WHERE job_no = $1 AND ctid = ANY (ARRAY(
    SELECT ctid FROM metric_points WHERE job_no = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))"""
_REST = ("segments", "blocks", "attempts", "job_metrics", "log_batches", "log_attempts")
_LEFT = "SELECT EXISTS (SELECT FROM metric_points WHERE job_no = $1)"
_PURGED = "UPDATE jobs SET purged_at = now() WHERE job_no = $1"
_DEAD_PARTITIONS = """
SELECT job_no / $1 AS number FROM jobs GROUP BY 1
HAVING bool_and(deleted_at IS NOT NULL)
    AND to_regclass('metric_points_' || lpad((job_no / $1)::text, 6, '0')) IS NOT NULL
    AND (job_no / $1) < (SELECT max(job_no) FROM jobs) / $1"""
_FORGET = "DELETE FROM jobs WHERE purged_at < now() - make_interval(days => $1)"


async def expire_jobs(connection: Any, days: int) -> None:
    """Delete jobs that have reported nothing for so long."""
    await connection.execute(_EXPIRE, days)


async def jobs_to_purge(connection: Any) -> Sequence[tuple[int, UUID]]:
    """(job_no, job_id) of deleted jobs that may still have rows."""
    return [(row["job_no"], row["job_id"]) for row in await connection.fetch(_DELETED)]


async def remove_points(connection: Any, job_no: int, most: int) -> int:
    """How many rows were removed, at most `most`."""
    return int((await connection.execute(_BITE_OFF, job_no, most)).rpartition(" ")[2])


async def finish_purge(connection: Any, job_no: int) -> bool:
    """Remove what lies beside the points, and note that nothing is left; False while there are points."""
    if await connection.fetchval(_LEFT, job_no):
        return False
    for table in _REST:
        await connection.execute(f"DELETE FROM {table} WHERE job_no = $1", job_no)  # noqa: S608  our names
    await connection.execute(_PURGED, job_no)
    return True


async def dead_partitions(connection: Any) -> Sequence[int]:
    """Numbers of partitions that stand, whose jobs are all deleted, and which will get no more."""
    return [row["number"] for row in await connection.fetch(_DEAD_PARTITIONS, JOBS_PER_PARTITION)]


async def drop_partition(connection: Any, number: int) -> None:
    """Raises LockNotAvailableError when readers hold the table for longer than they should."""
    await connection.execute("SET LOCAL lock_timeout = '2s'")
    await connection.execute(f"DROP TABLE IF EXISTS {partition_name(number)}")


async def forget_tombstones(connection: Any) -> None:
    await connection.execute(_FORGET, _TOMBSTONE_DAYS)
