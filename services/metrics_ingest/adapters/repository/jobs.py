"""Jobs: their numbers, versions and tombstones."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics_ingest.adapters.repository.partitions import ensure_partition, partition_of
from services.metrics_ingest.adapters.tables import jobs
from services.metrics_ingest.domain.jobs import JobRow, JobView

_LOCK = """
SELECT job_id, job_no, workspace_id, version, points, deleted_at IS NOT NULL AS deleted FROM jobs
WHERE job_id = ANY($1) ORDER BY job_no FOR NO KEY UPDATE"""
# Only after the lock: a statement that had to wait for it still sees what was there before.
_FACTS = """
SELECT job_no,
    (SELECT json_object_agg(attempt, resumed_from_step)::text FROM attempts a WHERE a.job_no = j.job_no) AS attempts,
    ARRAY(SELECT name FROM job_metrics m JOIN metric_names USING (metric) WHERE m.job_no = j.job_no) AS names
FROM unnest($1::int[]) AS j (job_no)"""
_NEW = """
INSERT INTO jobs (job_id, workspace_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])
ON CONFLICT DO NOTHING RETURNING job_no"""
_RENEW = """
UPDATE jobs SET version = version + 1, last_point_at = now(), points = points + added
FROM unnest($1::int[], $2::bigint[]) AS renewed (no, added) WHERE job_no = renewed.no"""
_VERSION = "SELECT version FROM jobs WHERE job_no = $1 AND deleted_at IS NULL"
# Names the job as well: named_job.py.
_VIEW = """
SELECT job_no, version, set_config('brightrun.job_no', job_no::text, false),
    (SELECT json_object_agg(attempt, resumed_from_step)::text FROM attempts a WHERE a.job_no = j.job_no) AS attempts,
    (SELECT json_object_agg(name, metric)::text FROM job_metrics m JOIN metric_names USING (metric)
        WHERE m.job_no = j.job_no) AS metrics
FROM jobs j WHERE job_id = $1 AND workspace_id = $2 AND deleted_at IS NULL"""


async def lock_jobs(connection: Any, workspaces: Mapping[UUID, UUID]) -> dict[UUID, JobRow]:
    """The rows of these jobs (job -> workspace), made when new and locked until the transaction ends.

    The locks, taken in one order, make writers of the same job wait for each other instead of deadlocking.
    """
    found = await _locked(connection, list(workspaces))
    if missing := sorted(workspaces.keys() - found.keys()):
        numbers = await connection.fetch(_NEW, missing, [workspaces[job_id] for job_id in missing])
        for number in sorted({partition_of(row["job_no"]) for row in numbers}):
            await ensure_partition(connection, number)
        found |= await _locked(connection, missing)
    return found


async def _locked(connection: Any, job_ids: list[UUID]) -> dict[UUID, JobRow]:
    rows = await connection.fetch(_LOCK, job_ids)
    facts = {row["job_no"]: row for row in await connection.fetch(_FACTS, [row["job_no"] for row in rows])}
    return {row["job_id"]: _job_row(row, facts[row["job_no"]]) for row in rows}


def _job_row(row: Any, facts: Any) -> JobRow:
    return JobRow(
        job_no=row["job_no"],
        workspace_id=row["workspace_id"],
        version=row["version"],
        points=row["points"],
        deleted=row["deleted"],
        resumed=_resumed(facts["attempts"]),
        names=frozenset(facts["names"]),
    )


async def renew_jobs(connection: Any, added: Mapping[int, int]) -> None:
    """These jobs read differently from this transaction on. `added` is job_no -> points."""
    await connection.execute(_RENEW, list(added), list(added.values()))


async def version_of(connection: Any, job_no: int) -> int | None:
    """None when the job was deleted."""
    version: int | None = await connection.fetchval(_VERSION, job_no)
    return version


async def find_job(connection: Any, job_id: UUID, workspace_id: UUID) -> JobView | None:
    """None when there is no such job in this workspace, or it was deleted. The connection has it named."""
    row = await connection.fetchrow(_VIEW, job_id, workspace_id)
    if row is None:
        return None
    metrics = json.loads(row["metrics"] or "{}")
    return JobView(job_id, row["job_no"], row["version"], _resumed(row["attempts"]), metrics)


def _resumed(attempts: str | None) -> dict[int, int]:
    """JSON to attempt -> step it resumed from, in the order of the attempts."""
    found = json.loads(attempts or "{}")
    return {int(attempt): step for attempt, step in sorted(found.items(), key=lambda item: int(item[0]))}


async def put_tombstone(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> None:
    """Mark the job as deleted, also one that never reported: its reports may still be on their way."""
    statement = insert(jobs).values(job_id=job_id, workspace_id=workspace_id, deleted_at=func.now())
    marked = {"deleted_at": func.coalesce(jobs.c.deleted_at, func.now())}
    await tx.execute(statement.on_conflict_do_update(index_elements=[jobs.c.job_id], set_=marked))
