"""The meter of running machines."""

from chassis.clock import Clock
from chassis.database.engine import Database
from services.cost_guard.adapters.repository import jobs
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.settings import Settings


class CostMeter:
    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._settings, self._clock = database, settings, clock

    async def tick(self) -> None:
        """Report every job that costs money now, one short transaction each."""
        async with self._database.read() as connection:
            due = await jobs.metered(connection)
        for job_id, workspace_id in due:
            async with self._database.transaction() as tx:
                await report_cost(tx, job_id, workspace_id, self._settings, self._clock.now())
