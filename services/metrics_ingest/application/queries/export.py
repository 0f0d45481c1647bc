"""The export of raw points, page by page."""

import base64
import binascii
import struct
from typing import Any

from chassis.database.engine import Database
from chassis.problems import Invalid
from contracts.rpc.metrics import ExportPage, ExportQuery, RawPoint
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.adapters.repository.jobs import find_job
from services.metrics_ingest.adapters.repository.rows import page_of_points
from services.metrics_ingest.domain.attempts import last_valid_steps
from services.metrics_ingest.domain.jobs import JobView

_CURSOR = struct.Struct(">iii")


async def page(database: Database, query: ExportQuery) -> ExportPage:
    """A page of raw points, superseded ones too. Raises Invalid for a cursor that is none of ours."""
    after = _read_cursor(query.cursor)
    async with reading(database) as connection:
        job = await find_job(connection, query.job_id, query.workspace_id)
        if job is None:
            return ExportPage(points=(), next_cursor=None)
        rows = await page_of_points(connection, job.job_no, list(job.metrics.values()), after, query.limit + 1)
    return _page(job, rows, query.limit)


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
