"""New points, and what is noted beside them."""

import io
from collections.abc import Sequence
from typing import Any

from services.metrics_ingest.adapters.repository.copy_format import COLUMNS, binary_copy
from services.metrics_ingest.domain.points import Points

_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    job_no INTEGER, metric INTEGER, step INTEGER, attempt INTEGER, time DOUBLE PRECISION, value DOUBLE PRECISION
) ON COMMIT DELETE ROWS"""
_INSERT = "INSERT INTO metric_points SELECT * FROM incoming ON CONFLICT DO NOTHING"
# An attempt resumes from one step; should it say two, the later takes less away.
_ATTEMPTS = """
INSERT INTO attempts AS a SELECT * FROM unnest($1::int[], $2::int[], $3::int[])
ON CONFLICT (job_no, attempt) DO UPDATE SET resumed_from_step = excluded.resumed_from_step
    WHERE a.resumed_from_step < excluded.resumed_from_step"""
_METRICS = "INSERT INTO job_metrics SELECT * FROM unnest($1::int[], $2::int[]) ON CONFLICT DO NOTHING"
_BLOCKS = """
INSERT INTO blocks AS b SELECT job_no, block, false, now() FROM unnest($1::int[], $2::int[]) AS t (job_no, block)
ON CONFLICT (job_no, block) DO UPDATE SET packed = false, changed_at = now()
    WHERE b.packed OR b.changed_at < now() - interval '1 second'"""

Columns = Sequence[tuple[int, ...]]


async def insert_points(connection: Any, points: Points) -> int:
    """How many rows were new."""
    await connection.execute(_STAGING)
    source = io.BytesIO(binary_copy(points))
    await connection.copy_to_table("incoming", source=source, columns=COLUMNS, format="binary")
    return int((await connection.execute(_INSERT)).rpartition(" ")[2])


async def note_attempts(connection: Any, rows: Columns) -> None:
    """(job_no, attempt, step it resumed from)."""
    await connection.execute(_ATTEMPTS, *_transposed(rows))


async def note_metrics(connection: Any, rows: Columns) -> None:
    """(job_no, metric)."""
    await connection.execute(_METRICS, *_transposed(rows))


async def touch_blocks(connection: Any, rows: Columns) -> None:
    """(job_no, block): their segments no longer show all."""
    await connection.execute(_BLOCKS, *_transposed(rows))


def _transposed(rows: Columns) -> list[list[int]]:
    return [list(column) for column in zip(*rows, strict=True)]
