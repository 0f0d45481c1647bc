"""Names and numbers: metric names and jobs become integers, so that a point is 32 bytes and not 100."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.database.engine import Database
from chassis.messaging.retry import Permanent
from services.metrics_ingest.connections import reading, writing
from services.metrics_ingest.partitions import ensure_partition, partition_of

# Names come from pods. A pod that invents new ones for ever must not fill the dictionary without end.
MOST_NAMES = 20_000


@dataclass(frozen=True, slots=True)
class JobRow:
    job_no: int
    workspace_id: UUID
    version: int
    deleted: bool


class MetricNames:
    """The dictionary of metric names. It only grows, so what was read once stays true."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}

    async def numbers(self, names: Iterable[str]) -> Mapping[str, int]:
        """Numbers of the names, given to new ones now. Names beyond the dictionary's limit are missing."""
        wanted = set(names)
        if missing := wanted - self._numbers.keys():
            await self._learn(sorted(missing))
        return {name: self._numbers[name] for name in wanted & self._numbers.keys()}

    async def _learn(self, names: list[str]) -> None:
        async with writing(self._database) as connection:
            known = await connection.fetch("SELECT name, metric FROM metric_names WHERE name = ANY($1)", names)
            if len(known) < len(names):
                await connection.execute(
                    "INSERT INTO metric_names (name) SELECT unnest($1::text[])"
                    " WHERE (SELECT count(*) FROM metric_names) + $2 <= $3 ON CONFLICT DO NOTHING",
                    names,
                    len(names),
                    MOST_NAMES,
                )
                known = await connection.fetch("SELECT name, metric FROM metric_names WHERE name = ANY($1)", names)
        # after the commit: a number of a transaction that failed would be nobody's
        self._numbers |= {row["name"]: row["metric"] for row in known}

    async def of(self, metrics: Iterable[int]) -> dict[int, str]:
        """The names of these numbers."""
        async with reading(self._database) as connection:
            rows = await connection.fetch("SELECT metric, name FROM metric_names WHERE metric = ANY($1)", list(metrics))
        return {row["metric"]: row["name"] for row in rows}


async def lock_jobs(connection: Any, workspaces: Mapping[UUID, UUID]) -> dict[UUID, JobRow]:
    """The rows of these jobs (job -> workspace), made when new and locked until the transaction ends.

    The locks, taken in one order, make writers of the same job wait for each other instead of deadlocking.
    """
    jobs = await _locked(connection, list(workspaces))
    if missing := sorted(workspaces.keys() - jobs.keys()):
        numbers = await connection.fetch(
            "INSERT INTO jobs (job_id, workspace_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])"
            " ON CONFLICT DO NOTHING RETURNING job_no",
            missing,
            [workspaces[job_id] for job_id in missing],
        )
        for number in sorted({partition_of(row["job_no"]) for row in numbers}):
            await ensure_partition(connection, number)
        jobs |= await _locked(connection, missing)
    return jobs


async def _locked(connection: Any, job_ids: list[UUID]) -> dict[UUID, JobRow]:
    rows = await connection.fetch(
        "SELECT job_id, job_no, workspace_id, version, deleted_at IS NOT NULL AS deleted FROM jobs"
        " WHERE job_id = ANY($1) ORDER BY job_no FOR NO KEY UPDATE",
        job_ids,
    )
    return {row["job_id"]: JobRow(row["job_no"], row["workspace_id"], row["version"], row["deleted"]) for row in rows}


def refusal(job: JobRow, workspace_id: UUID) -> Permanent | None:
    if job.workspace_id != workspace_id:
        return Permanent(f"the report says workspace {workspace_id}, but its job belongs to another")
    return None
