"""The one write: a batch of reports becomes rows, each point once, in one transaction."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from chassis.database.engine import Database
from chassis.messaging.retry import Permanent
from services.metrics_ingest.catalogue import JobRow, MetricNames, lock_jobs, refusal
from services.metrics_ingest.connections import writing
from services.metrics_ingest.copy_format import COLUMNS, binary_copy
from services.metrics_ingest.domain.points import Points
from services.metrics_ingest.report import Report

_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    job_no INTEGER, metric INTEGER, step INTEGER, attempt INTEGER, time DOUBLE PRECISION, value DOUBLE PRECISION
) ON COMMIT DELETE ROWS"""
_INSERT = "INSERT INTO metric_points SELECT * FROM incoming ON CONFLICT DO NOTHING"
# An attempt resumes from one step; should it say two, the later takes less away.
_ATTEMPTS = """
INSERT INTO attempts AS a SELECT * FROM unnest($1::int[], $2::int[], $3::int[])
ON CONFLICT (job_no, attempt) DO UPDATE SET resumed_from_step = excluded.resumed_from_step
    WHERE a.resumed_from_step < excluded.resumed_from_step"""
_METRICS = "INSERT INTO job_metrics SELECT * FROM unnest($1::int[], $2::int[]) ON CONFLICT DO NOTHING"
_BLOCKS = """
INSERT INTO blocks AS b SELECT job_no, block, false, now() FROM unnest($1::int[], $2::int[]) AS t (job_no, block)
ON CONFLICT (job_no, block) DO UPDATE SET packed = false, changed_at = now()
    WHERE b.packed OR b.changed_at < now() - interval '1 second'"""
_VERSIONS = "UPDATE jobs SET version = version + 1, last_point_at = now() WHERE job_no = ANY($1)"


@dataclass(frozen=True, slots=True)
class ChangedJob:
    job_id: UUID
    job_no: int
    version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What a transaction did. `refused` and `dropped` are positions of reports; `changed` are the jobs that read
    differently now. `points` are those offered, in key order."""

    points: Points | None = None
    inserted: int = 0
    changed: Sequence[ChangedJob] = ()
    refused: Mapping[int, Permanent] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()

    @property
    def offered(self) -> int:
        return 0 if self.points is None else len(self.points)


class PointStore:
    def __init__(self, database: Database, names: MetricNames) -> None:
        self._database, self._names = database, names
        # Attempts and metrics of jobs that are known to be recorded: (job_no, attempt, resumed) and (job_no, metric).
        self._recorded: set[tuple[int, ...]] = set()

    async def store(self, reports: Sequence[Report]) -> Stored:
        """Insert every point that is not there yet. Raises DatabaseUnavailable; then nothing was stored."""
        metrics = await self._names.numbers(name for report in reports for name in report.names)
        async with writing(self._database) as connection:
            jobs = await lock_jobs(connection, _workspaces(reports))
            refused = _refused(reports, jobs, metrics)
            dropped = frozenset(i for i, r in enumerate(reports) if i not in refused and jobs[r.job_id].deleted)
            accepted = [r for i, r in enumerate(reports) if i not in refused and i not in dropped]
            if not accepted:
                return Stored(refused=refused, dropped=dropped)
            points = Points.joined([_points(r, jobs[r.job_id].job_no, metrics) for r in accepted]).in_key_order()
            inserted = await _insert(connection, points)
            attempts = _attempts(accepted, jobs)
            changed = await self._record(connection, attempts, points.series()) or inserted > 0
            if inserted:
                await connection.execute(_BLOCKS, *_columns(points.blocks(), 2))
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
            await connection.execute(_ATTEMPTS, *_columns(rows, 3))
        if fresh:
            await connection.execute(_METRICS, *_columns(fresh, 2))
        return bool(rows or fresh)

    def _remember(self, attempts: dict[tuple[int, int], int], series: list[tuple[int, int]]) -> None:
        if len(self._recorded) > 100_000:  # a bound for memory; forgetting costs a statement that changes nothing
            self._recorded.clear()
        self._recorded.update((*key, resumed) for key, resumed in attempts.items())
        self._recorded.update(series)


async def _insert(connection: Any, points: Points) -> int:
    """How many rows were new."""
    await connection.execute(_STAGING)
    source = io.BytesIO(binary_copy(points))
    await connection.copy_to_table("incoming", source=source, columns=COLUMNS, format="binary")
    return int((await connection.execute(_INSERT)).rpartition(" ")[2])


async def _renew(connection: Any, reports: Sequence[Report], jobs: Mapping[UUID, JobRow]) -> list[ChangedJob]:
    """Give the jobs of these reports their next version."""
    ids = dict.fromkeys(report.job_id for report in reports)
    changed = [ChangedJob(job_id, jobs[job_id].job_no, jobs[job_id].version + 1) for job_id in ids]
    await connection.execute(_VERSIONS, [job.job_no for job in changed])
    return changed


def _workspaces(reports: Sequence[Report]) -> dict[UUID, UUID]:
    """job -> workspace, as its first report says."""
    return {report.job_id: report.workspace_id for report in reversed(reports)}


def _refused(
    reports: Sequence[Report], jobs: Mapping[UUID, JobRow], metrics: Mapping[str, int]
) -> dict[int, Permanent]:
    refused: dict[int, Permanent] = {}
    for position, report in enumerate(reports):
        if problem := refusal(jobs[report.job_id], report.workspace_id):
            refused[position] = problem
        elif unknown := [name for name in report.names if name not in metrics]:
            refused[position] = Permanent(f"there are too many metric names already to add {unknown[0]!r}")
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


def _columns(rows: Sequence[tuple[int, ...]], width: int) -> list[list[int]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
