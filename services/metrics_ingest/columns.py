"""Points out of PostgreSQL in columns: packed segments where they are complete, rows elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from services.metrics_ingest.domain.curves import Curve, pack_ints, unpack_ints
from services.metrics_ingest.domain.points import BLOCK_STEPS, LARGEST

_BLOCKS = "SELECT block, packed FROM blocks WHERE job_no = $1 AND block BETWEEN $2 AND $3 ORDER BY block"
_SEGMENTS = """
SELECT points, steps, attempts, times, vals FROM segments
WHERE job_no = $1 AND metric = $2 AND block = ANY($3) ORDER BY block"""
# Whole columns as one array each: a row of Python objects for every point would cost ten times as much.
_ROWS = """
SELECT array_agg(step) AS step, array_agg(attempt) AS attempt, array_agg(time) AS time, array_agg(value) AS value
FROM (
    SELECT step, attempt, time, value FROM metric_points
    WHERE job_no = $1 AND metric = $2 AND step BETWEEN $3 AND $4 ORDER BY step, attempt
) AS points"""


async def read_curve(connection: Any, job_no: int, metric: int, low: int = 0, high: int = LARGEST) -> Curve:
    """All raw points of a metric with low <= step <= high."""
    blocks = await connection.fetch(_BLOCKS, job_no, low // BLOCK_STEPS, high // BLOCK_STEPS)
    parts: list[Curve] = []
    for packed, run in _runs([(row["block"], row["packed"]) for row in blocks]):
        if packed:
            parts += await _read_segments(connection, job_no, metric, run)
        else:
            first, last = run[0] * BLOCK_STEPS, (run[-1] + 1) * BLOCK_STEPS - 1
            parts.append(await read_rows(connection, job_no, metric, max(first, low), min(last, high)))
    curve = Curve.joined(parts)
    return curve if low == 0 and high == LARGEST else curve.between(low, high)


async def read_rows(connection: Any, job_no: int, metric: int, low: int, high: int) -> Curve:
    """The same from the rows alone."""
    row = await connection.fetchrow(_ROWS, job_no, metric, low, high)
    return Curve(
        step=np.array(row["step"] or (), dtype=np.int32),
        attempt=np.array(row["attempt"] or (), dtype=np.int32),
        time=np.array(row["time"] or (), dtype=np.float64),
        value=np.array(row["value"] or (), dtype=np.float64),
    )


def segment_columns(curve: Curve) -> tuple[int, bytes, bytes, bytes, bytes]:
    """points, steps, attempts, times and values as they lie in a segment."""
    times, values = curve.time.astype("<f8").tobytes(), curve.value.astype("<f8").tobytes()
    return len(curve), pack_ints(curve.step), pack_ints(curve.attempt), times, values


async def _read_segments(connection: Any, job_no: int, metric: int, blocks: Sequence[int]) -> list[Curve]:
    rows = await connection.fetch(_SEGMENTS, job_no, metric, list(blocks))
    return [_from_segment(row) for row in rows]


def _from_segment(row: Mapping[str, Any]) -> Curve:
    return Curve(
        step=unpack_ints(row["steps"], row["points"]),
        attempt=unpack_ints(row["attempts"], row["points"]),
        time=np.frombuffer(row["times"], "<f8"),
        value=np.frombuffer(row["vals"], "<f8"),
    )


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
