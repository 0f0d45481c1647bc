"""Output of trainers: batches of lines, and which of them are kept."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.rpc.logs import AttemptLog
from services.metrics_ingest.domain.log_lines import Batch

_INSERT = "INSERT INTO log_batches VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
_NOTE = """
INSERT INTO log_attempts AS a (job_no, attempt, first_line, last_line, bytes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (job_no, attempt) DO UPDATE SET first_line = least(a.first_line, excluded.first_line),
    last_line = greatest(a.last_line, excluded.last_line), bytes = a.bytes + excluded.bytes, last_at = now()"""
_KEPT = "SELECT coalesce(sum(bytes), 0) FROM log_attempts WHERE job_no = $1"
_TRIM = """
WITH aged AS (
    SELECT attempt, first_line, sum(bytes) OVER (ORDER BY attempt, first_line) AS together
    FROM log_batches WHERE job_no = $1
), gone AS (
    DELETE FROM log_batches b USING aged
    WHERE b.job_no = $1 AND b.attempt = aged.attempt AND b.first_line = aged.first_line AND aged.together <= $2
    RETURNING b.attempt, b.last_line, b.bytes
)
UPDATE log_attempts a SET first_line = least(g.last_line + 1, a.last_line + 1), bytes = a.bytes - g.bytes
FROM (SELECT attempt, max(last_line) AS last_line, sum(bytes) AS bytes FROM gone GROUP BY attempt) AS g
WHERE a.job_no = $1 AND a.attempt = g.attempt"""
# Names the job as well: named_job.py.
_JOB = """
SELECT job_no, set_config('brightrun.job_no', job_no::text, false) FROM jobs
WHERE job_id = $1 AND workspace_id = $2 AND deleted_at IS NULL"""
# An attempt of which nothing is left is as one that printed nothing.
_ATTEMPTS = """
SELECT attempt, first_line, last_line FROM log_attempts
WHERE job_no = $1 AND first_line <= last_line ORDER BY attempt"""
_FORWARDS = """
SELECT first_line, last_line, lines FROM log_batches
WHERE job_no = $1 AND attempt = $2 AND first_line > $3::int - $4::int AND last_line > $3::int
ORDER BY first_line LIMIT $5"""
_BACKWARDS = """
SELECT first_line, last_line, lines FROM log_batches
WHERE job_no = $1 AND attempt = $2 AND first_line < $3 ORDER BY first_line DESC LIMIT $4"""
_OLD = """
SELECT job_no, attempt FROM log_attempts WHERE last_at < now() - make_interval(days => $1)
ORDER BY last_at LIMIT $2 FOR UPDATE SKIP LOCKED"""
_REMOVE = "DELETE FROM {} USING unnest($1::int[], $2::int[]) AS old (no, try) WHERE job_no = no AND attempt = try"


async def insert_batch(connection: Any, job_no: int, attempt: int, batch: Batch) -> bool:
    """False when it was there. The job is locked."""
    row = (job_no, attempt, batch.first_line, batch.last_line, batch.bytes)
    if (await connection.execute(_INSERT, *row, batch.lines)).endswith(" 0"):
        return False
    await connection.execute(_NOTE, *row)
    return True


async def bytes_kept(connection: Any, job_no: int) -> int:
    return int(await connection.fetchval(_KEPT, job_no))


async def trim(connection: Any, job_no: int, excess: int) -> None:
    """Remove the oldest batches of a job, of so many bytes together at most."""
    await connection.execute(_TRIM, job_no, excess)


async def job_number(connection: Any, job_id: UUID, workspace_id: UUID) -> int | None:
    """None when there is no such job in this workspace, or it was deleted. The connection has it named."""
    number: int | None = await connection.fetchval(_JOB, job_id, workspace_id)
    return number


async def attempts_of(connection: Any, job_no: int) -> tuple[AttemptLog, ...]:
    """Those of which lines are kept, in their order."""
    return tuple(AttemptLog(**row) for row in await connection.fetch(_ATTEMPTS, job_no))


async def batches_after(
    connection: Any, job_no: int, attempt: int, line: int, longest: int, limit: int
) -> Sequence[Batch]:
    """Batches with lines behind this one; `longest` is the number of lines a batch has at most."""
    return _batches(await connection.fetch(_FORWARDS, job_no, attempt, line, longest, limit))


async def batches_before(connection: Any, job_no: int, attempt: int, line: int, limit: int) -> Sequence[Batch]:
    """Batches with lines ahead of this one, the nearest first."""
    return _batches(await connection.fetch(_BACKWARDS, job_no, attempt, line, limit))


async def expire(connection: Any, days: int, most: int) -> int:
    """Remove the output of attempts that have printed nothing for so long; of how many."""
    old = await connection.fetch(_OLD, days, most)
    pairs = [row["job_no"] for row in old], [row["attempt"] for row in old]
    for table in ("log_batches", "log_attempts"):
        await connection.execute(_REMOVE.format(table), *pairs)
    return len(old)


def _batches(rows: Sequence[Any]) -> Sequence[Batch]:
    return [Batch(row["first_line"], row["last_line"], row["lines"]) for row in rows]
