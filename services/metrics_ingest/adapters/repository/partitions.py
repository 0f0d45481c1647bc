"""Partitions of metric_points: one for every thousand jobs, made before they are needed."""

from typing import Any

from chassis.database import locks

JOBS_PER_PARTITION = 1_000


def partition_name(number: int) -> str:
    return f"metric_points_{number:06d}"


def partition_of(job_no: int) -> int:
    return job_no // JOBS_PER_PARTITION


# Not to_regclass: what it once did not find it may go on not finding, after another's commit, from its session's cache.
_EXISTS = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND relnamespace = current_schema()::regnamespace)"


async def ensure_partition(connection: Any, number: int) -> None:
    """Make it unless it exists. ATTACH takes a weak lock on the parent, where CREATE ... PARTITION OF stops readers."""
    name = partition_name(number)
    if await connection.fetchval(_EXISTS, name):
        return
    await connection.execute("SELECT pg_advisory_xact_lock($1)", locks.METRIC_PARTITIONS)
    if await connection.fetchval(_EXISTS, name):
        return
    low = number * JOBS_PER_PARTITION
    await connection.execute(f"CREATE TABLE {name} (LIKE metric_points INCLUDING DEFAULTS INCLUDING INDEXES)")
    await connection.execute(
        f"ALTER TABLE metric_points ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({low + JOBS_PER_PARTITION})"
    )


async def prepare_partitions(connection: Any) -> None:
    """Make the partition of the newest job and, from its middle on, the next one."""
    newest = await connection.fetchval("SELECT last_value FROM jobs_job_no_seq")
    for number in (partition_of(newest), partition_of(newest + JOBS_PER_PARTITION // 2)):
        await ensure_partition(connection, number)
