"""What happens to jobs, counted for Prometheus once it is committed."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database, after_commit
from chassis.observability.tracing import record_span
from contracts.envelope import Event
from contracts.events import PodInterrupted, TrainingWarning
from contracts.job_projection import JobState
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.jobs import metrics
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.repository import events, figures


async def count_move(tx: AsyncConnection, job: Job, state: JobState, at: datetime | None = None) -> None:
    """The status that a job leaves and the one that it gets. `at`: of the event that moved it; None: now."""
    if state.status is job.state.status:
        return
    now, lost_at = await figures.now(tx), None
    if state.status is JobStatus.TRAINING and state.attempt > 1:
        lost_at = await events.machine_lost_at(tx, job.id, state.attempt - 1)
    recovery_s = None if lost_at is None else ((at or now) - lost_at).total_seconds()
    after_commit(tx, lambda: _count(job, state, now, recovery_s))


def count_event(tx: AsyncConnection, event: Event[Any]) -> None:
    """What an entry of the log tells beside a move."""
    if isinstance(event.data, PodInterrupted):
        source = event.data.detected_by.value
        after_commit(tx, lambda: metrics.INTERRUPTIONS.labels(source).inc())
    elif isinstance(event.data, TrainingWarning):
        code = event.data.code if event.data.code in metrics.WARNINGS else "other"
        after_commit(tx, lambda: metrics.WARNED.labels(code).inc())


async def show_figures(database: Database) -> None:
    """Jobs by status. Any number of replicas may show them: they are the same."""
    async with database.read() as connection:
        found, silence_s = await figures.by_status(connection), await figures.longest_silence_s(connection)
    for status in metrics.OPEN:
        number, age_s = found.get(status, (0, 0.0))
        metrics.JOBS.labels(status.value).set(number)
        metrics.STATUS_AGE.labels(status.value).set(age_s)
    metrics.PROGRESS_AGE.set(silence_s)


def _count(job: Job, state: JobState, now: datetime, recovery_s: float | None) -> None:
    if job.status_since is not None:
        record_span(f"job {job.state.status.value}", job.status_since, now, job_id=job.id, attempt=state.attempt)
        seconds = max(0.0, (now - job.status_since).total_seconds())
        metrics.STATUS_SECONDS.labels(job.state.status.value).observe(seconds)
    if recovery_s is not None:
        metrics.RECOVERY_SECONDS.observe(max(0.0, recovery_s))
    if state.status in TERMINAL:
        metrics.ENDED.labels(state.status.value).inc()
    if state.status is JobStatus.FAILED and state.error_type is not None:
        metrics.FAILURES.labels(state.error_type.value).inc()
