"""How a workspace's jobs fail, and which retries helped."""

from uuid import UUID

from chassis.database.engine import Database
from services.job_api.diagnosis.domain import ErrorStatistics, statistics
from services.job_api.diagnosis.repository import Period, ended_by_preset, failures, retries


async def error_statistics(database: Database, workspace_id: UUID, period: Period) -> ErrorStatistics:
    async with database.read() as tx:
        return statistics(
            await ended_by_preset(tx, workspace_id, period), await failures(tx, workspace_id, period),
            await retries(tx, workspace_id, period))
