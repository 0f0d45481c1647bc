"""Series for charts: from the hot window when it reaches far enough, from PostgreSQL otherwise."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.database.engine import Database
from contracts.rpc.metrics import AttemptBoundary, RangeQuery, RangeReply, Series
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.adapters.repository.jobs import find_job
from services.metrics_ingest.adapters.repository.segments import read_curve
from services.metrics_ingest.application.workers.rewarming import Rewarmer
from services.metrics_ingest.domain.attempts import effective
from services.metrics_ingest.domain.curves import Curve
from services.metrics_ingest.domain.jobs import JobView
from services.metrics_ingest.domain.points import LARGEST
from services.metrics_ingest.domain.thinning import evenly, thin
from services.metrics_ingest.metrics import CHART_SECONDS
from services.metrics_ingest.ports import HotWindow


@dataclass(frozen=True, slots=True)
class Bounds:
    low: int
    high: int

    @classmethod
    def of(cls, query: RangeQuery) -> "Bounds":
        low = 0 if query.from_step is None else query.from_step
        return cls(min(low, LARGEST), LARGEST if query.to_step is None else min(query.to_step, LARGEST))


class Charts:
    """The answer to `range`."""

    def __init__(self, database: Database, hot: HotWindow, rewarmer: Rewarmer) -> None:
        self._database, self._hot, self._rewarmer = database, hot, rewarmer

    async def range(self, query: RangeQuery) -> RangeReply:
        """Every asked series, empty where there is nothing; no series at all for a job that is not this workspace's."""
        began = time.perf_counter()
        async with reading(self._database) as connection:
            job = await find_job(connection, query.job_id, query.workspace_id)
        if job is None:
            return RangeReply(series=(), boundaries=())
        bounds = Bounds.of(query)
        wanted = {name: job.metrics.get(name) for name in dict.fromkeys(query.metrics)}
        found = await self._from_window(job, wanted, bounds)
        source = "database" if found is None else "window"
        if found is None:
            found = await self._from_database(job, wanted, bounds)
        series = await asyncio.to_thread(_thinned, found, wanted, job, query.max_points)
        CHART_SECONDS.labels(source).observe(time.perf_counter() - began)
        return RangeReply.model_construct(series=series, boundaries=_boundaries(job))

    async def _from_window(
        self, job: JobView, wanted: Mapping[str, int | None], bounds: Bounds
    ) -> dict[str, Curve] | None:
        window = await self._hot.get(job.job_id, job.version, bounds.low)
        if window is None:
            return None
        return {
            name: window.points.curve(metric).between(bounds.low, bounds.high)
            for name, metric in wanted.items()
            if metric is not None
        }

    async def _from_database(self, job: JobView, wanted: Mapping[str, int | None], bounds: Bounds) -> dict[str, Curve]:
        self._rewarmer.wake(job)
        async with reading(self._database) as connection:
            return {
                name: await read_curve(connection, job.job_no, metric, bounds.low, bounds.high)
                for name, metric in wanted.items()
                if metric is not None
            }


def _thinned(
    found: Mapping[str, Curve], wanted: Mapping[str, int | None], job: JobView, max_points: int
) -> tuple[Series, ...]:
    """In a thread: with a million points this takes some 30 ms, and messages wait for nobody."""
    return tuple(_series(name, found.get(name), job, max_points) for name in wanted)


def _series(name: str, raw: Curve | None, job: JobView, max_points: int) -> Series:
    if raw is None or not len(raw):
        return Series(metric=name, steps=(), times=(), values=(), attempts=(), total_points=0)
    curve = effective(raw, job.resumed)
    chosen, flagged = thin(curve.step, curve.value, max_points)
    shown = curve.take(chosen)
    # validated when they came in; checking a few thousand numbers again costs more than reading them
    return Series.model_construct(
        metric=name,
        steps=tuple(shown.step.tolist()),
        times=tuple(shown.time.tolist()),
        values=tuple(shown.value.tolist()),
        attempts=tuple(shown.attempt.tolist()),
        total_points=len(curve),
        flagged_steps=tuple(curve.step[evenly(flagged, max_points)].tolist()),
    )


def _boundaries(job: JobView) -> tuple[AttemptBoundary, ...]:
    return tuple(AttemptBoundary(attempt=attempt, resumed_from_step=step) for attempt, step in job.resumed.items())
