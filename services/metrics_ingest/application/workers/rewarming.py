"""Building a job's hot window again after the cache lost it."""

import asyncio

from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.adapters.repository.jobs import version_of
from services.metrics_ingest.adapters.repository.rows import nth_newest_step, read_rows
from services.metrics_ingest.domain.jobs import JobView
from services.metrics_ingest.domain.points import LARGEST, Points
from services.metrics_ingest.ports import HotWindow


class Rewarmer:
    """A queue of jobs whose window is missing; readers wake it and do not wait."""

    def __init__(self, database: Database, hot: HotWindow, points: int) -> None:
        self._database, self._hot, self._points = database, hot, points
        self._queue: asyncio.Queue[JobView] = asyncio.Queue(maxsize=100)
        self._waiting: set[int] = set()

    def wake(self, job: JobView) -> None:
        if job.job_no not in self._waiting and not self._queue.full():
            self._waiting.add(job.job_no)
            self._queue.put_nowait(job)

    async def run(self) -> None:
        """For ever, until a rebuild fails."""
        while True:
            job = await self._queue.get()
            try:
                await self.rebuild(job)
            finally:
                self._waiting.discard(job.job_no)

    async def rebuild(self, job: JobView) -> None:
        """Put a window of the newest points, unless there is one or the job changed meanwhile."""
        if await self._hot.is_current(job.job_id, job.version):
            return
        async with reading(self._database) as connection:
            floor = -1
            for metric in job.metrics.values():
                step = await nth_newest_step(connection, job.job_no, metric, self._points)
                floor = max(floor, -1 if step is None else step)
            parts = [
                Points.of_curve(job.job_no, metric, await read_rows(connection, job.job_no, metric, floor + 1, LARGEST))
                for metric in job.metrics.values()
            ]
            version = await version_of(connection, job.job_no)
        if parts and version == job.version:  # nothing was committed between the first look and the last
            await self._hot.put(job.job_id, job.version, floor, Points.joined(parts))
