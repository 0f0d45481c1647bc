"""What is left of a job to go on from."""

from chassis.database.engine import Database
from contracts.rpc.pods import CheckpointView, JobCheckpoints, JobCheckpointsQuery
from services.provisioner.adapters.repository import checkpoints

_SHOWN = 20


async def job_checkpoints(database: Database, asked: JobCheckpointsQuery) -> JobCheckpoints:
    """Those that can be read; empty for a job of another workspace."""
    async with database.read() as tx:
        rows = await checkpoints.newest(tx, asked.job_id, _SHOWN)
    return JobCheckpoints(checkpoints=tuple(
        CheckpointView(attempt=row.attempt, step=row.step, size_bytes=row.size_bytes, saved_at=row.saved_at)
        for row in rows if row.workspace_id == asked.workspace_id))
