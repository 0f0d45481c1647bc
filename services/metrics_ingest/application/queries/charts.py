"""Series for charts: from the hot window when it reaches far enough, from PostgreSQL otherwise."""

import asyncio
import time
from dataclasses import dataclass

from chassis.database.engine import Database
from contracts.rpc.metrics import AttemptBoundary, RangeQuery, RangeReply, Series
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.adapters.repository.jobs import find_job
from services.metrics_ingest.adapters.repository.named_job import name_job
from services.metrics_ingest.adapters.repository.segments import read_curve
from services.metrics_ingest.application.workers.rewarming import Rewarmer
from services.metrics_ingest.domain.attempts import effective
from services.metrics_ingest.domain.curves import Curve
from services.metrics_ingest.domain.jobs import JobView
from services.metrics_ingest.domain.points import LARGEST
from services.metrics_ingest.domain.thinning import evenly, thin
from services.metrics_ingest.metrics import CHART_SECONDS
from services.metrics_ingest.ports import HotWindow, Window

# Charts that are read from the database at once; the others wait. Writers need connections, and curves need memory.
_READERS = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    low: int
    high: int

    @classmethod
    def of(cls, query: RangeQuery) -> "Bounds":
        low = 0 if query.from_step is None else query.from_step
        return cls(min(low, LARGEST), LARGEST if query.to_step is None else min(query.to_step, LARGEST))


@dataclass(frozen=True, slots=True)
class Wanted:
    """`names` without repetition."""

    job: JobView
    bounds: Bounds
    names: tuple[str, ...]
    max_points: int


class Charts:
    """The answer to `range`."""

    def __init__(self, database: Database, hot: HotWindow, rewarmer: Rewarmer) -> None:
        self._database, self._hot, self._rewarmer = database, hot, rewarmer
        self._readers = asyncio.Semaphore(_READERS)

    async def range(self, query: RangeQuery) -> RangeReply:
        """Every asked series, empty where there is nothing; no series at all for a job that is not this workspace's."""
        began = time.perf_counter()
        async with reading(self._database) as connection:
            job = await find_job(connection, query.job_id, query.workspace_id)
        if job is None:
            return RangeReply(series=(), boundaries=())
        wanted = Wanted(job, Bounds.of(query), tuple(dict.fromkeys(query.metrics)), query.max_points)
        window = await self._hot.get(job.job_id, job.version, wanted.bounds.low)
        series = await self._from_database(wanted) if window is None else await _from_window(window, wanted)
        CHART_SECONDS.labels("database" if window is None else "window").observe(time.perf_counter() - began)
        return RangeReply.model_construct(series=series, boundaries=_boundaries(job))

    async def _from_database(self, wanted: Wanted) -> tuple[Series, ...]:
        """One curve after the other: a million points are 24 MB, and there may be sixteen such metrics."""
        self._rewarmer.wake(wanted.job)
        job, bounds = wanted.job, wanted.bounds
        async with self._readers, reading(self._database) as connection:
            await name_job(connection, job.job_no)
            series = []
            for name in wanted.names:
                metric, raw = job.metrics.get(name), None
                if metric is not None:
                    raw = await read_curve(connection, job.job_no, metric, bounds.low, bounds.high)
                series.append(await asyncio.to_thread(_series, name, raw, wanted))
        return tuple(series)


async def _from_window(window: Window, wanted: Wanted) -> tuple[Series, ...]:
    return await asyncio.to_thread(_series_of_window, window, wanted)


def _series_of_window(window: Window, wanted: Wanted) -> tuple[Series, ...]:
    curves = {
        name: window.points.curve(metric).between(wanted.bounds.low, wanted.bounds.high)
        for name in wanted.names
        if (metric := wanted.job.metrics.get(name)) is not None
    }
    return tuple(_series(name, curves.get(name), wanted) for name in wanted.names)


def _series(name: str, raw: Curve | None, wanted: Wanted) -> Series:
    """Called in threads: with a million points this takes some 30 ms, and messages wait for nobody."""
    if raw is None or not len(raw):
        return Series(metric=name, steps=(), times=(), values=(), attempts=(), total_points=0)
    curve = effective(raw, wanted.job.resumed)
    chosen, flagged = thin(curve.step, curve.value, wanted.max_points)
    shown = curve.take(chosen)
    # validated when they came in; checking a few thousand numbers again costs more than reading them
    return Series.model_construct(
        metric=name,
        steps=tuple(shown.step.tolist()),
        times=tuple(shown.time.tolist()),
        values=tuple(shown.value.tolist()),
        attempts=tuple(shown.attempt.tolist()),
        total_points=len(curve),
        flagged_steps=tuple(curve.step[evenly(flagged, wanted.max_points)].tolist()),
    )


def _boundaries(job: JobView) -> tuple[AttemptBoundary, ...]:
    return tuple(AttemptBoundary(attempt=attempt, resumed_from_step=step) for attempt, step in job.resumed.items())
