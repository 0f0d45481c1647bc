"""Points out of PostgreSQL in columns: packed segments where they are complete, rows elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from services.metrics_ingest.adapters.repository.rows import read_rows
from services.metrics_ingest.domain.curves import Curve, pack_ints, unpack_ints
from services.metrics_ingest.domain.points import BLOCK_STEPS, LARGEST

_BLOCKS = "SELECT block, packed FROM blocks WHERE job_no = $1 AND block BETWEEN $2 AND $3 ORDER BY block"
_SEGMENTS = """
SELECT points, steps, attempts, times, vals FROM segments
WHERE job_no = $1 AND metric = $2 AND block = ANY($3) ORDER BY block"""
# The lock on the block's row makes a writer that touches the block wait and mark it as changed afterwards.
_QUIET = """
SELECT job_no, block FROM blocks WHERE NOT packed AND changed_at <= now() - make_interval(secs => $1)
ORDER BY changed_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
_METRICS = "SELECT metric FROM job_metrics WHERE job_no = $1 ORDER BY metric"
_PUT = """
INSERT INTO segments (job_no, metric, block, points, steps, attempts, times, vals)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (job_no, metric, block) DO UPDATE SET points = excluded.points, steps = excluded.steps,
    attempts = excluded.attempts, times = excluded.times, vals = excluded.vals"""
_DONE = "UPDATE blocks SET packed = true WHERE job_no = $1 AND block = $2"


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


async def take_quiet_block(connection: Any, quiet_s: float) -> tuple[int, int] | None:
    """(job_no, block) that is not packed and has not changed for so long; locked until the transaction ends."""
    row = await connection.fetchrow(_QUIET, quiet_s)
    return None if row is None else (row["job_no"], row["block"])


async def pack_block(connection: Any, job_no: int, block: int) -> None:
    """Make a segment of each metric's rows."""
    low = block * BLOCK_STEPS
    for record in await connection.fetch(_METRICS, job_no):
        metric = record["metric"]
        curve = await read_rows(connection, job_no, metric, low, low + BLOCK_STEPS - 1)
        if len(curve):
            await connection.execute(_PUT, job_no, metric, block, *_segment_columns(curve))
    await connection.execute(_DONE, job_no, block)


def _segment_columns(curve: Curve) -> tuple[int, bytes, bytes, bytes, bytes]:
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
