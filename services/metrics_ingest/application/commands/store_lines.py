"""Lines of a trainer's output are kept, each once; a job that prints too much loses its oldest."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.retry import Permanent
from contracts.events import LogReported
from services.metrics_ingest.adapters.repository import logs
from services.metrics_ingest.adapters.repository.connections import driver_connection
from services.metrics_ingest.adapters.repository.jobs import lock_jobs
from services.metrics_ingest.domain.attempts import MOST_ATTEMPTS
from services.metrics_ingest.domain.jobs import JobRow
from services.metrics_ingest.domain.log_lines import Batch
from services.metrics_ingest.metrics import LOG_LINES

# So much at once, that not every report of a job which has reached its limit removes something.
_SHARE_REMOVED = 0.1


class StoreLines:
    def __init__(self, bytes_per_job: int) -> None:
        self._bytes_per_job = bytes_per_job

    async def __call__(self, tx: AsyncConnection, report: LogReported, sent_at: datetime) -> None:
        """In the caller's transaction. Repeatable. Raises Permanent for a report that can belong to no job."""
        connection = await driver_connection(tx)
        job = (await lock_jobs(connection, {report.job_id: report.workspace_id}))[report.job_id]
        _check(report, job)
        if job.deleted:
            LOG_LINES.labels("dropped").inc(len(report.lines))
            return
        batch = Batch.of(report.first_line, report.lines, sent_at.timestamp())
        stored = await logs.insert_batch(connection, job.job_no, report.attempt, batch)
        LOG_LINES.labels("stored" if stored else "duplicate").inc(len(report.lines))
        excess = await logs.bytes_kept(connection, job.job_no) - self._bytes_per_job if stored else 0
        if excess > 0:
            await logs.trim(connection, job.job_no, excess + int(self._bytes_per_job * _SHARE_REMOVED))


def _check(report: LogReported, job: JobRow) -> None:
    if job.workspace_id != report.workspace_id:
        raise Permanent(f"the report says workspace {report.workspace_id}, but its job belongs to another")
    if report.attempt > MOST_ATTEMPTS:
        raise Permanent(f"a job has at most {MOST_ATTEMPTS} attempts, and this report is about {report.attempt}")
