"""Quiet blocks of steps become segments: one row with columns for each metric, read a hundred times faster."""

from typing import Any

from chassis.database.engine import Database
from services.metrics_ingest.columns import read_rows, segment_columns
from services.metrics_ingest.connections import writing
from services.metrics_ingest.domain.points import BLOCK_STEPS
from services.metrics_ingest.metrics import BLOCKS_PACKED

# The lock on the block's row makes a writer that touches the block wait and mark it as changed afterwards.
_NEXT = """
SELECT job_no, block FROM blocks WHERE NOT packed AND changed_at <= now() - make_interval(secs => $1)
ORDER BY changed_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
_METRICS = "SELECT metric FROM job_metrics WHERE job_no = $1 ORDER BY metric"
_PUT = """
INSERT INTO segments (job_no, metric, block, points, steps, attempts, times, vals)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (job_no, metric, block) DO UPDATE SET points = excluded.points, steps = excluded.steps,
    attempts = excluded.attempts, times = excluded.times, vals = excluded.vals"""
_DONE = "UPDATE blocks SET packed = true WHERE job_no = $1 AND block = $2"


class Packer:
    def __init__(self, database: Database, quiet_s: float) -> None:
        self._database, self._quiet_s = database, quiet_s

    async def pack_all(self) -> int:
        """Pack every block that has been quiet long enough, one short transaction each; how many there were."""
        packed = 0
        while await self.pack_one():
            packed += 1
        return packed

    async def pack_one(self) -> bool:
        async with writing(self._database) as connection:
            row = await connection.fetchrow(_NEXT, self._quiet_s)
            if row is None:
                return False
            await _pack(connection, row["job_no"], row["block"])
        BLOCKS_PACKED.inc()
        return True


async def _pack(connection: Any, job_no: int, block: int) -> None:
    low = block * BLOCK_STEPS
    for record in await connection.fetch(_METRICS, job_no):
        metric = record["metric"]
        curve = await read_rows(connection, job_no, metric, low, low + BLOCK_STEPS - 1)
        if len(curve):
            await connection.execute(_PUT, job_no, metric, block, *segment_columns(curve))
    await connection.execute(_DONE, job_no, block)
