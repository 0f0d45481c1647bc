"""Points out of PostgreSQL in columns: packed segments where they are complete, rows elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.metrics_ingest.domain.points import BLOCK_STEPS, LARGEST, Points

_BLOCKS = "SELECT block, packed FROM blocks WHERE job_no = $1 AND block BETWEEN $2 AND $3 ORDER BY block"
_SEGMENTS = (
    "SELECT steps, attempts, times, vals FROM segments"
    " WHERE job_no = $1 AND metric = $2 AND block = ANY($3) ORDER BY block"
)
# Whole columns as one array each: a row of Python objects for every point would cost ten times as much.
_ROWS = (
    "SELECT array_agg(step) AS step, array_agg(attempt) AS attempt, array_agg(time) AS time, array_agg(value) AS value"
    " FROM (SELECT step, attempt, time, value FROM metric_points WHERE job_no = $1 AND metric = $2"
    " AND step BETWEEN $3 AND $4 ORDER BY step, attempt) AS points"
)


async def read_points(connection: Any, job_no: int, metric: int, low: int = 0, high: int = LARGEST) -> Points:
    """All raw points of a metric with low <= step <= high, in (step, attempt) order."""
    blocks = await connection.fetch(_BLOCKS, job_no, low // BLOCK_STEPS, high // BLOCK_STEPS)
    parts = [_empty()]
    for packed, run in _runs([(row["block"], row["packed"]) for row in blocks]):
        if packed:
            parts += await read_segments(connection, job_no, metric, run)
        else:
            first, last = run[0] * BLOCK_STEPS, (run[-1] + 1) * BLOCK_STEPS - 1
            parts.append(await read_rows(connection, job_no, metric, max(first, low), min(last, high)))
    points = Points.joined(parts)
    if low > 0 or high < LARGEST:
        points = points.take((points.step >= low) & (points.step <= high))
    return points


async def read_segments(connection: Any, job_no: int, metric: int, blocks: Sequence[int]) -> list[Points]:
    rows = await connection.fetch(_SEGMENTS, job_no, metric, list(blocks))
    return [_from_segment(job_no, metric, row) for row in rows]


async def read_rows(connection: Any, job_no: int, metric: int, low: int, high: int) -> Points:
    row = await connection.fetchrow(_ROWS, job_no, metric, low, high)
    return _of_series(
        job_no,
        metric,
        step=np.array(row["step"] or (), dtype=np.int32),
        attempt=np.array(row["attempt"] or (), dtype=np.int32),
        time=np.array(row["time"] or (), dtype=np.float64),
        value=np.array(row["value"] or (), dtype=np.float64),
    )


def segment_columns(points: Points) -> tuple[bytes, bytes, bytes, bytes]:
    """steps, attempts, times and values as they lie in a segment. Steps as differences: those compress to nothing."""
    differences = np.diff(points.step, prepend=np.int32(0)).astype("<i4")
    return (
        differences.tobytes(),
        points.attempt.astype("<i4").tobytes(),
        points.time.astype("<f8").tobytes(),
        points.value.astype("<f8").tobytes(),
    )


def _from_segment(job_no: int, metric: int, row: Mapping[str, bytes]) -> Points:
    return _of_series(
        job_no,
        metric,
        step=np.cumsum(np.frombuffer(row["steps"], "<i4"), dtype=np.int32),
        attempt=np.frombuffer(row["attempts"], "<i4"),
        time=np.frombuffer(row["times"], "<f8"),
        value=np.frombuffer(row["vals"], "<f8"),
    )


def _of_series(job_no: int, metric: int, **columns: npt.NDArray[Any]) -> Points:
    size = len(columns["step"])
    return Points(job_no=np.full(size, job_no, dtype=np.int32), metric=np.full(size, metric, dtype=np.int32), **columns)


def _empty() -> Points:
    nothing = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float64)
    return _of_series(0, 0, step=nothing[0], attempt=nothing[0], time=nothing[1], value=nothing[1])


def _runs(blocks: Sequence[tuple[int, bool]]) -> Iterator[tuple[bool, list[int]]]:
    """Neighbouring blocks of the same kind together."""
    run: list[int] = []
    kind = False
    for block, packed in blocks:
        if run and packed != kind:
            yield kind, run
            run = []
        kind = packed
        run.append(block)
    if run:
        yield kind, run
