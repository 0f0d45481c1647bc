"""Rows of `jobs`. The row lock of a job is what serialises every decision about its attempts."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import JobPauseRequested, JobStartRequested
from services.provisioner.adapters.tables import jobs
from services.provisioner.domain.model import Job, JobState
from services.provisioner.domain.retry_counters import RetryCounters


async def insert_started(tx: AsyncConnection, start: JobStartRequested, now: datetime, traceparent: str | None) -> bool:
    """False: this job is known already, be it running, ended, or ended before its start was heard of."""
    return await _insert(tx, job_id=start.job_id, workspace_id=start.workspace_id, state=JobState.ACTIVE,
                         spec=start.model_dump(mode="json"), accepted_at=now, traceparent=traceparent, run=start.run)


async def insert_paused(tx: AsyncConnection, pause: JobPauseRequested, now: datetime) -> bool:
    """Remember the pause of a job whose start has not arrived."""
    return await _insert(tx, job_id=pause.job_id, workspace_id=pause.workspace_id, state=JobState.PAUSED,
                         accepted_at=now, run=0, paused_run=pause.run, paused_at=now)


async def pause(tx: AsyncConnection, job: Job, run: int, now: datetime) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job.job_id).values(
        state=JobState.PAUSED, paused_run=run, paused_at=job.paused_at or now))


async def start_again(tx: AsyncConnection, job: Job, start: JobStartRequested, now: datetime) -> Job:
    """The job with what this later start says; paused still when the pause of this very start was heard of first."""
    paused = start.run <= job.paused_run
    values: dict[str, Any] = {"spec": start.model_dump(mode="json"), "run": start.run}
    if not paused:
        values |= {"state": JobState.ACTIVE, "paused_at": None}
        if job.paused_at is not None and job.first_running_at is not None:
            values |= {"first_running_at": job.first_running_at + (now - job.paused_at)}
    await tx.execute(update(jobs).where(jobs.c.job_id == job.job_id).values(**values))
    return replace(job, **(values | {"spec": start}))


async def insert_ended(
    tx: AsyncConnection, job_id: UUID, workspace_id: UUID, state: JobState, reason: str, now: datetime
) -> bool:
    """Remember the end of a job whose start has not arrived: events come in any order."""
    return await _insert(tx, job_id=job_id, workspace_id=workspace_id, state=state, accepted_at=now, ended_at=now,
                         end_reason=reason)


async def _insert(tx: AsyncConnection, **values: Any) -> bool:
    return (await tx.execute(insert(jobs).values(**values).on_conflict_do_nothing())).rowcount == 1


async def lock_job(tx: AsyncConnection, job_id: UUID) -> Job | None:
    """The job, locked until the transaction ends. Taken before any row of its pods."""
    row = (await tx.execute(select(jobs).where(jobs.c.job_id == job_id).with_for_update())).one_or_none()
    return _job(row) if row else None


async def read_job(tx: AsyncConnection, job_id: UUID) -> Job | None:
    row = (await tx.execute(select(jobs).where(jobs.c.job_id == job_id))).one_or_none()
    return _job(row) if row else None


async def workspace_of(tx: AsyncConnection, job_id: UUID) -> UUID | None:
    return (await tx.execute(select(jobs.c.workspace_id).where(jobs.c.job_id == job_id))).scalar_one_or_none()


async def begin_attempt(tx: AsyncConnection, job_id: UUID, attempt: int) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(attempt=attempt))


async def save_counters(tx: AsyncConnection, job_id: UUID, counters: RetryCounters) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(
        interruptions=counters.interruptions, faults=counters.faults, not_started=counters.not_started,
        strikes_at_step=counters.at_step,
    ))


async def end_job(tx: AsyncConnection, job_id: UUID, state: JobState, reason: str, now: datetime) -> None:
    active = (jobs.c.job_id == job_id) & jobs.c.state.in_((JobState.ACTIVE, JobState.PAUSED))
    await tx.execute(update(jobs).where(active).values(state=state, end_reason=reason[:500], ended_at=now))


async def mark_running(tx: AsyncConnection, job_id: UUID, since: datetime) -> None:
    """The job's time limit counts from its first machine."""
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(
        first_running_at=func.coalesce(jobs.c.first_running_at, since)))


async def raise_best_step(tx: AsyncConnection, job_id: UUID, step: int) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(
        best_step=func.greatest(func.coalesce(jobs.c.best_step, -1), step)))


async def overdue(tx: AsyncConnection, now: datetime) -> list[UUID]:
    """Active jobs that have run longer than they may."""
    limit = func.make_interval(0, 0, 0, 0, 0, 0, jobs.c.spec["max_duration_s"].as_integer())
    due = (jobs.c.state == JobState.ACTIVE) & (jobs.c.first_running_at + limit < now)
    return list((await tx.execute(select(jobs.c.job_id).where(due))).scalars())


def _job(row: Row[Any]) -> Job:
    return Job(
        job_id=row.job_id, workspace_id=row.workspace_id, state=JobState(row.state),
        spec=JobStartRequested.model_validate(row.spec) if row.spec else None, attempt=row.attempt,
        accepted_at=row.accepted_at, first_running_at=row.first_running_at, best_step=row.best_step,
        counters=RetryCounters(row.interruptions, row.faults, row.not_started, row.strikes_at_step),
        traceparent=row.traceparent, run=row.run, paused_run=row.paused_run, paused_at=row.paused_at,
        ended_at=row.ended_at,
    )
