"""Rows of deleted jobs go: whole partitions where all jobs are gone, small bites elsewhere."""

import structlog
from asyncpg.exceptions import LockNotAvailableError

from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository import logs, purging
from services.metrics_ingest.adapters.repository.connections import writing
from services.metrics_ingest.adapters.repository.partitions import partition_name, prepare_partitions
from services.metrics_ingest.ports import HotWindow

_log = structlog.get_logger(__name__)
_BITE = 20_000
_LOGS_AT_ONCE = 20


class Cleaner:
    """Any number of replicas may clean; what one does not finish, the next round does."""

    def __init__(
        self, database: Database, hot: HotWindow, retention_days: int, log_retention_days: int = 0, bite: int = _BITE
    ) -> None:
        self._database, self._hot, self._bite = database, hot, bite
        self._retention_days, self._log_retention_days = retention_days, log_retention_days

    async def clean(self) -> None:
        """Expire, drop, purge, and make the next partition before it is needed."""
        if self._retention_days:
            async with writing(self._database) as connection:
                await purging.expire_jobs(connection, self._retention_days)
        if self._log_retention_days:
            await self._expire_logs(self._log_retention_days)
        await self._drop_partitions()
        async with writing(self._database) as connection:
            due = await purging.jobs_to_purge(connection)
        for job_no, job_id in due:
            await self._hot.drop(job_id)
            await self._purge(job_no)
        async with writing(self._database) as connection:
            await purging.forget_tombstones(connection)
            await prepare_partitions(connection)

    async def _expire_logs(self, days: int) -> None:
        removed = _LOGS_AT_ONCE
        while removed == _LOGS_AT_ONCE:
            async with writing(self._database) as connection:
                removed = await logs.expire(connection, days, _LOGS_AT_ONCE)

    async def _purge(self, job_no: int) -> None:
        removed = self._bite
        while removed == self._bite:
            async with writing(self._database) as connection:
                removed = await purging.remove_points(connection, job_no, self._bite)
        async with writing(self._database) as connection:
            if await purging.finish_purge(connection, job_no):
                _log.info("job_purged", job_no=job_no)

    async def _drop_partitions(self) -> None:
        async with writing(self._database) as connection:
            numbers = await purging.dead_partitions(connection)
        for number in numbers:
            try:
                async with writing(self._database) as connection:
                    await purging.drop_partition(connection, number)
                _log.info("partition_dropped", partition=partition_name(number))
            except LockNotAvailableError:
                # Readers hold the parent for milliseconds; when one holds it longer the next round tries again.
                _log.info("partition_in_use", partition=partition_name(number))
