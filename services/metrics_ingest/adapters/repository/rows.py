"""Rows of metric_points, read."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.metrics_ingest.domain.curves import Curve

# One value for all rows: to make Python objects of each column of each row takes twice as long for a million points.
_ROWS = """
SELECT string_agg(int4send(step) || int4send(attempt) || float8send(time) || float8send(value), ''::bytea)
FROM (
    SELECT step, attempt, time, value FROM metric_points
    WHERE job_no = $1 AND metric = $2 AND step BETWEEN $3 AND $4 ORDER BY step, attempt
) AS points"""
_ROW = np.dtype([("step", ">i4"), ("attempt", ">i4"), ("time", ">f8"), ("value", ">f8")])
_NTH_NEWEST = """
SELECT step FROM metric_points WHERE job_no = $1 AND metric = $2
ORDER BY step DESC, attempt DESC OFFSET $3 LIMIT 1"""
# Per metric one step backwards through the index; of a step the newest attempt, of an attempt only what counts.
_LATEST = """
SELECT m.metric, p.* FROM unnest($2::int[]) AS m (metric) CROSS JOIN LATERAL (
    SELECT step, attempt, time, value FROM metric_points
    WHERE job_no = $1 AND metric = m.metric
        AND NOT EXISTS (SELECT FROM attempts a WHERE a.job_no = $1 AND a.attempt > metric_points.attempt
            AND a.resumed_from_step < metric_points.step)
    ORDER BY step DESC, attempt DESC LIMIT 1) AS p"""
# The next page of each metric by its index, then the first rows of all.
_PAGE = """
SELECT p.* FROM unnest($2::int[]) AS m (metric) CROSS JOIN LATERAL (
    SELECT metric, step, attempt, time, value FROM metric_points
    WHERE job_no = $1 AND metric = m.metric AND step >= $3
        AND (step, metric, attempt) > ($3, $4, $5)
    ORDER BY step, attempt LIMIT $6) AS p
ORDER BY step, metric, attempt LIMIT $6"""


async def read_rows(connection: Any, job_no: int, metric: int, low: int, high: int) -> Curve:
    """All raw points of a metric with low <= step <= high, from the rows alone."""
    rows = np.frombuffer(await connection.fetchval(_ROWS, job_no, metric, low, high) or b"", _ROW)
    return Curve(
        step=rows["step"].astype(np.int32),
        attempt=rows["attempt"].astype(np.int32),
        time=rows["time"].astype(np.float64),
        value=rows["value"].astype(np.float64),
    )


async def nth_newest_step(connection: Any, job_no: int, metric: int, points: int) -> int | None:
    """The step below which `points` newer rows lie; None when there are no more than those."""
    step: int | None = await connection.fetchval(_NTH_NEWEST, job_no, metric, points)
    return step


async def latest_points(connection: Any, job_no: int, metrics: Sequence[int]) -> list[Any]:
    """metric, step, attempt, time and value of the newest point of each metric that counts."""
    return list(await connection.fetch(_LATEST, job_no, metrics))


async def page_of_points(
    connection: Any, job_no: int, metrics: Sequence[int], after: tuple[int, int, int], limit: int
) -> list[Any]:
    """metric, step, attempt, time and value in (step, metric, attempt) order, the first behind `after`."""
    return list(await connection.fetch(_PAGE, job_no, metrics, *after, limit))
