"""Newest values and the export of raw points."""

import base64
import binascii
import struct
from typing import Any

from chassis.database.engine import Database
from chassis.problems import Invalid
from contracts.rpc.metrics import ExportPage, ExportQuery, Latest, LatestQuery, LatestValue, RawPoint
from services.metrics_ingest.connections import reading
from services.metrics_ingest.domain.attempts import last_valid_steps
from services.metrics_ingest.hot_window import HotWindow
from services.metrics_ingest.job_view import JobView, find_job

# Per metric one step backwards through the index; of a step the newest attempt, of an attempt only what counts.
_LATEST = """
SELECT m.metric, p.* FROM unnest($2::int[]) AS m (metric) CROSS JOIN LATERAL (
    SELECT step, attempt, time, value FROM metric_points
    WHERE job_no = $1 AND metric = m.metric
        AND NOT EXISTS (SELECT FROM attempts a WHERE a.job_no = $1 AND a.attempt > metric_points.attempt
            AND a.resumed_from_step < metric_points.step)
    ORDER BY step DESC, attempt DESC LIMIT 1) AS p"""
# The next page of each metric by its index, then the first rows of all.
_EXPORT = """
SELECT p.* FROM unnest($2::int[]) AS m (metric) CROSS JOIN LATERAL (
    SELECT metric, step, attempt, time, value FROM metric_points
    WHERE job_no = $1 AND metric = m.metric AND step >= $3
        AND (step, metric, attempt) > ($3, $4, $5)
    ORDER BY step, attempt LIMIT $6) AS p
ORDER BY step, metric, attempt LIMIT $6"""

_CURSOR = struct.Struct(">iii")


class Queries:
    def __init__(self, database: Database, hot: HotWindow) -> None:
        self._database, self._hot = database, hot

    async def latest(self, query: LatestQuery) -> Latest:
        """The newest value of every metric; nothing for a job that is not this workspace's."""
        async with reading(self._database) as connection:
            job = await find_job(connection, query.job_id, query.workspace_id)
            if job is None:
                return Latest(metrics={})
            if remembered := await self._hot.latest(job.job_id, job.version):
                return Latest.model_validate_json(remembered)
            rows = await connection.fetch(_LATEST, job.job_no, list(job.metrics.values()))
        answer = _latest(job, rows)
        await self._hot.remember_latest(job.job_id, job.version, answer.model_dump_json().encode())
        return answer

    async def export(self, query: ExportQuery) -> ExportPage:
        """A page of raw points, superseded ones too. Raises Invalid for a cursor that is none of ours."""
        after = _read_cursor(query.cursor)
        async with reading(self._database) as connection:
            job = await find_job(connection, query.job_id, query.workspace_id)
            if job is None:
                return ExportPage(points=(), next_cursor=None)
            rows = await connection.fetch(_EXPORT, job.job_no, list(job.metrics.values()), *after, query.limit + 1)
        return _page(job, rows, query.limit)


def _latest(job: JobView, rows: list[Any]) -> Latest:
    names = {metric: name for name, metric in job.metrics.items()}
    return Latest(
        metrics={
            names[row["metric"]]: LatestValue(
                value=row["value"], step=row["step"], attempt=row["attempt"], time=row["time"]
            )
            for row in rows
        }
    )


def _page(job: JobView, rows: list[Any], limit: int) -> ExportPage:
    names = {metric: name for name, metric in job.metrics.items()}
    limits = last_valid_steps(job.resumed)
    points = tuple(
        RawPoint(
            attempt=attempt, step=step, metric=names[metric], time=time, value=value, superseded=step > limits[attempt]
        )
        for metric, step, attempt, time, value in rows[:limit]
    )
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = None if last is None else _write_cursor(last["step"], last["metric"], last["attempt"])
    return ExportPage(points=points, next_cursor=cursor)


def _write_cursor(step: int, metric: int, attempt: int) -> str:
    return base64.urlsafe_b64encode(_CURSOR.pack(step, metric, attempt)).decode()


def _read_cursor(cursor: str | None) -> tuple[int, int, int]:
    if cursor is None:
        return 0, 0, 0
    try:
        step, metric, attempt = _CURSOR.unpack(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, struct.error, ValueError) as error:
        raise Invalid(
            "The cursor is not one of an export of metrics.",
            code="invalid_cursor",
            suggested_fix="Use next_cursor of the page before, or none for the first page.",
        ) from error
    return step, metric, attempt
