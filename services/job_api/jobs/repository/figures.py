"""Jobs of all workspaces, counted."""

from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import TrainingProgressed
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.jobs.tables import job_snapshots, training_jobs

_jobs = training_jobs.c
_OPEN = [status.value for status in JobStatus if status not in TERMINAL]
_PROGRESS = TrainingProgressed.subject_prefix()


async def now(tx: AsyncConnection) -> datetime:
    """The database's time, by which `status_since` is."""
    moment: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    return moment


async def by_status(connection: AsyncConnection) -> dict[JobStatus, tuple[int, float]]:
    """Status -> (jobs, seconds since the first of them has had it), of jobs that have not ended."""
    age_s = func.max(func.extract("epoch", func.now() - _jobs.status_since))
    statement = select(_jobs.status, func.count(), age_s).where(_jobs.status.in_(_OPEN)).group_by(_jobs.status)
    return {JobStatus(status): (int(number), float(age or 0)) for status, number, age in
            await connection.execute(statement)}


async def longest_silence_s(connection: AsyncConnection) -> float:
    """Seconds since the last progress of the training job that has been silent for longest; 0 without one."""
    progress = job_snapshots.c
    last = func.greatest(_jobs.status_since, progress.received_at)
    of_job = and_(progress.job_id == _jobs.id, progress.type == _PROGRESS)
    statement = select(func.max(func.extract("epoch", func.now() - last))).select_from(
        training_jobs.outerjoin(job_snapshots, of_job)).where(_jobs.status == JobStatus.TRAINING.value)
    return float((await connection.execute(statement)).scalar() or 0)
