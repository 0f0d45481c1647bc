"""Newest values."""

from typing import Any

from chassis.database.engine import Database
from contracts.rpc.metrics import Latest, LatestQuery, LatestValue
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.adapters.repository.jobs import find_job
from services.metrics_ingest.adapters.repository.rows import latest_points
from services.metrics_ingest.domain.jobs import JobView
from services.metrics_ingest.ports import HotWindow


async def latest(database: Database, hot: HotWindow, query: LatestQuery) -> Latest:
    """The newest value of every metric; nothing for a job that is not this workspace's."""
    async with reading(database) as connection:
        job = await find_job(connection, query.job_id, query.workspace_id)
        if job is None:
            return Latest(metrics={})
        if remembered := await hot.latest(job.job_id, job.version):
            return Latest.model_validate_json(remembered)
        rows = await latest_points(connection, job.job_no, list(job.metrics.values()))
    answer = _latest(job, rows)
    await hot.remember_latest(job.job_id, job.version, answer.model_dump_json().encode())
    return answer


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
