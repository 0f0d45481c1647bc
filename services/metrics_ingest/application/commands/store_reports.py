"""The one write: reports become rows, each point once, in one transaction."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import structlog

from chassis.clock import Clock
from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository import jobs as job_rows
from services.metrics_ingest.adapters.repository import points as point_rows
from services.metrics_ingest.adapters.repository.connections import writing
from services.metrics_ingest.adapters.repository.names import MetricNames
from services.metrics_ingest.domain.jobs import JobRow
from services.metrics_ingest.domain.points import Points
from services.metrics_ingest.domain.reports import Report
from services.metrics_ingest.domain.stored import ChangedJob, Stored
from services.metrics_ingest.metrics import BATCH_POINTS, LAG_SECONDS, NOT_FINITE, POINTS, STORE_SECONDS
from services.metrics_ingest.ports import HotWindow

_log = structlog.get_logger(__name__)


class StoreReports:
    def __init__(self, database: Database, hot: HotWindow, clock: Clock) -> None:
        self._database, self._hot, self._clock = database, hot, clock
        self._names = MetricNames(database)
        # Attempts and metrics of jobs that are known to be recorded: (job_no, attempt, resumed) and (job_no, metric).
        self._recorded: set[tuple[int, ...]] = set()

    async def __call__(self, reports: Sequence[Report]) -> Stored:
        """Insert every point that is not there yet. Raises DatabaseUnavailable; then nothing was stored."""
        began = time.perf_counter()
        stored = await self._store(reports)
        STORE_SECONDS.observe(time.perf_counter() - began)
        self._count(reports, stored)
        await self._warm(stored)
        return stored

    async def _store(self, reports: Sequence[Report]) -> Stored:
        metrics = await self._names.numbers(name for report in reports for name in report.names)
        async with writing(self._database) as connection:
            jobs = await job_rows.lock_jobs(connection, _workspaces(reports))
            refused = _refused(reports, jobs, metrics)
            dropped = frozenset(i for i, r in enumerate(reports) if i not in refused and jobs[r.job_id].deleted)
            accepted = [r for i, r in enumerate(reports) if i not in refused and i not in dropped]
            if not accepted:
                return Stored(refused=refused, dropped=dropped)
            points = Points.joined([_points(r, jobs[r.job_id].job_no, metrics) for r in accepted]).in_key_order()
            inserted = await point_rows.insert_points(connection, points)
            attempts = _attempts(accepted, jobs)
            changed = await self._record(connection, attempts, points.series()) or inserted > 0
            if inserted:
                await point_rows.touch_blocks(connection, points.blocks())
            renewed = await _renew(connection, accepted, jobs) if changed else []
        self._remember(attempts, points.series())
        return Stored(points, inserted, renewed, refused, dropped)

    async def _record(
        self, connection: Any, attempts: dict[tuple[int, int], int], series: list[tuple[int, int]]
    ) -> bool:
        """Note attempts and metrics; whether anything is new."""
        rows = [(*key, resumed) for key, resumed in sorted(attempts.items()) if (*key, resumed) not in self._recorded]
        fresh = [pair for pair in series if pair not in self._recorded]
        if rows:
            await point_rows.note_attempts(connection, rows)
        if fresh:
            await point_rows.note_metrics(connection, fresh)
        return bool(rows or fresh)

    def _remember(self, attempts: dict[tuple[int, int], int], series: list[tuple[int, int]]) -> None:
        if len(self._recorded) > 100_000:  # a bound for memory; forgetting costs a statement that changes nothing
            self._recorded.clear()
        self._recorded.update((*key, resumed) for key, resumed in attempts.items())
        self._recorded.update(series)

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
            NOT_FINITE.inc(int((~np.isfinite(stored.points.value)).sum()))


async def _renew(connection: Any, reports: Sequence[Report], jobs: Mapping[UUID, JobRow]) -> list[ChangedJob]:
    """Give the jobs of these reports their next version."""
    ids = dict.fromkeys(report.job_id for report in reports)
    changed = [ChangedJob(job_id, jobs[job_id].job_no, jobs[job_id].version + 1) for job_id in ids]
    await job_rows.renew_versions(connection, [job.job_no for job in changed])
    return changed


def _workspaces(reports: Sequence[Report]) -> dict[UUID, UUID]:
    """job -> workspace, as its first report says."""
    return {report.job_id: report.workspace_id for report in reversed(reports)}


def _refused(reports: Sequence[Report], jobs: Mapping[UUID, JobRow], metrics: Mapping[str, int]) -> dict[int, str]:
    refused: dict[int, str] = {}
    for position, report in enumerate(reports):
        if problem := jobs[report.job_id].refusal(report.workspace_id):
            refused[position] = problem
        elif unknown := [name for name in report.names if name not in metrics]:
            refused[position] = f"there are too many metric names already to add {unknown[0]!r}"
    return refused


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


def _attempts(reports: Sequence[Report], jobs: Mapping[UUID, JobRow]) -> dict[tuple[int, int], int]:
    """(job_no, attempt) -> the step it resumed from."""
    found: dict[tuple[int, int], int] = {}
    for report in reports:
        key = jobs[report.job_id].job_no, report.attempt
        found[key] = max(found.get(key, 0), report.resumed_from_step)
    return found
