"""The one write: reports become rows, each point once, in one transaction."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import structlog

from chassis.clock import Clock
from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository import points as rows
from services.metrics_ingest.adapters.repository.connections import writing
from services.metrics_ingest.adapters.repository.jobs import lock_jobs, renew_jobs
from services.metrics_ingest.adapters.repository.names import MetricNames
from services.metrics_ingest.application import training_speed
from services.metrics_ingest.domain.acceptance import nameless, refusals
from services.metrics_ingest.domain.jobs import JobRow
from services.metrics_ingest.domain.points import Points
from services.metrics_ingest.domain.reports import Report
from services.metrics_ingest.domain.stored import ChangedJob, Stored
from services.metrics_ingest.metrics import BATCH_POINTS, LAG_SECONDS, NOT_FINITE, POINTS, STORE_SECONDS
from services.metrics_ingest.ports import HotWindow

_log = structlog.get_logger(__name__)
Jobs = Mapping[UUID, JobRow]


class StoreReports:
    def __init__(self, database: Database, hot: HotWindow, clock: Clock, points_per_job: int = 20_000_000) -> None:
        self._database, self._hot, self._clock, self._points_per_job = database, hot, clock, points_per_job
        self._names = MetricNames(database)

    async def __call__(self, reports: Sequence[Report]) -> Stored:
        """Insert every point that is not there yet. Raises DatabaseUnavailable; then nothing was stored."""
        began = time.perf_counter()
        stored = await self._store(reports)
        STORE_SECONDS.observe(time.perf_counter() - began)
        self._count(reports, stored)
        await self._warm(stored)
        return stored

    async def _store(self, reports: Sequence[Report]) -> Stored:
        async with writing(self._database) as connection:
            jobs = await lock_jobs(connection, _workspaces(reports))
            refused = refusals(reports, jobs, self._points_per_job)
            dropped = frozenset(i for i, r in enumerate(reports) if i not in refused and jobs[r.job_id].deleted)
            numbers = await self._numbers(_without(reports, refused.keys() | dropped))
            refused |= nameless(reports, numbers, refused.keys() | dropped)
            accepted = _without(reports, refused.keys() | dropped)
            if not accepted:
                return Stored(refused=refused, dropped=dropped)
            points = Points.joined([_points(r, jobs[r.job_id].job_no, numbers) for r in accepted]).in_key_order()
            inserted = await rows.insert_points(connection, points)
            noted = await _note(connection, accepted, jobs, numbers)
            if inserted:
                await rows.touch_blocks(connection, points.blocks())
            changed = await _renew(connection, accepted, jobs, points.shares(inserted)) if inserted or noted else []
        return Stored(points, inserted, changed, refused, dropped)

    async def _numbers(self, reports: Sequence[Report]) -> Mapping[str, int]:
        return await self._names.numbers(name for report in reports for name in report.names)

    async def _warm(self, stored: Stored) -> None:
        try:
            await self._hot.add(stored)
        except Exception as error:  # the points are committed: nothing that happens to a cache may undo that
            _log.error("hot_window_not_written", error=repr(error))

    def _count(self, reports: Sequence[Report], stored: Stored) -> None:
        now = self._clock.now().timestamp()
        for report in reports:
            LAG_SECONDS.observe(max(0.0, now - report.time))
        POINTS.labels("dropped").inc(sum(len(reports[index]) for index in stored.dropped))
        if stored.points is not None:
            BATCH_POINTS.observe(stored.offered)
            POINTS.labels("stored").inc(stored.inserted)
            POINTS.labels("duplicate").inc(stored.offered - stored.inserted)
            if stored.inserted:
                for index in set(range(len(reports))) - stored.refused.keys() - stored.dropped:
                    training_speed.observe(reports[index])
            NOT_FINITE.inc(int((~np.isfinite(stored.points.value)).sum()))


async def _note(connection: Any, reports: Sequence[Report], jobs: Jobs, numbers: Mapping[str, int]) -> bool:
    """Note attempts and metrics that the jobs do not have; whether there were any."""
    attempts, metrics = set(), set()
    for report in reports:
        job = jobs[report.job_id]
        if job.resumed.get(report.attempt, -1) < report.resumed_from_step:
            attempts.add((job.job_no, report.attempt, report.resumed_from_step))
        metrics |= {(job.job_no, numbers[name]) for name in report.names if name not in job.names}
    if attempts:
        await rows.note_attempts(connection, sorted(attempts))
    if metrics:
        await rows.note_metrics(connection, sorted(metrics))
    return bool(attempts or metrics)


async def _renew(
    connection: Any, reports: Sequence[Report], jobs: Jobs, added: Mapping[int, int]
) -> Sequence[ChangedJob]:
    """Give the jobs of these reports their next version. `added` is job_no -> points."""
    ids = dict.fromkeys(report.job_id for report in reports)
    changed = [ChangedJob(job_id, jobs[job_id].job_no, jobs[job_id].version + 1) for job_id in ids]
    await renew_jobs(connection, {job.job_no: added.get(job.job_no, 0) for job in changed})
    return changed


def _workspaces(reports: Sequence[Report]) -> dict[UUID, UUID]:
    """job -> workspace, as its first report says."""
    return {report.job_id: report.workspace_id for report in reversed(reports)}


def _without(reports: Sequence[Report], positions: set[int]) -> list[Report]:
    return [report for position, report in enumerate(reports) if position not in positions]


def _points(report: Report, job_no: int, metrics: Mapping[str, int]) -> Points:
    numbers = np.array([metrics[name] for name in report.names], dtype=np.int32)
    size = len(report)
    return Points(
        job_no=np.full(size, job_no, dtype=np.int32),
        metric=numbers[report.name_index],
        step=report.steps,
        attempt=np.full(size, report.attempt, dtype=np.int32),
        time=report.times,
        value=report.values,
    )
