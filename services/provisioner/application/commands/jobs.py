"""What job_api decides about jobs becomes the wish for pods."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import JobPauseRequested, JobStartRequested
from services.provisioner.adapters.repository import jobs, pods
from services.provisioner.application.commands.attempts import drain, give_up, let_finish, request_attempt, stop_pods
from services.provisioner.domain.attempts import deadline, timed_out
from services.provisioner.domain.model import LIVE, JobState, Result
from services.provisioner.domain.policy import Policy


async def start_job(
    tx: AsyncConnection, start: JobStartRequested, *, provider: str, policy: Policy, now: datetime,
    traceparent: str | None,
) -> None:
    """Ask for the first pod, or for the next one where a later start ends a pause or changes the tier. A start that is
    known already, or comes after the job's end, changes nothing."""
    new = await jobs.insert_started(tx, start, now, traceparent)
    job = await jobs.lock_job(tx, start.job_id)
    if job is None:
        return
    if not new:
        if job.state not in (JobState.ACTIVE, JobState.PAUSED) or start.run <= job.run:
            return
        job = await jobs.start_again(tx, job, start, now)
        if not job.active:
            return
    pod = await pods.lock_pod(tx, job.job_id, job.attempt)
    if pod is None or pod.status not in LIVE:
        await request_attempt(tx, job, job.attempt + 1, job.counters, provider=provider, now=now)
    else:
        await drain(tx, job, pod, "the job goes on with other settings", policy=policy, now=now)


async def pause_job(tx: AsyncConnection, pause: JobPauseRequested, *, policy: Policy, now: datetime) -> None:
    """Have the job's pod save a checkpoint and end. A pause that a later start has ended already changes nothing."""
    if await jobs.insert_paused(tx, pause, now):
        return
    job = await jobs.lock_job(tx, pause.job_id)
    assert job is not None
    if job.state not in (JobState.ACTIVE, JobState.PAUSED) or pause.run < job.run:
        return
    await jobs.pause(tx, job, pause.run, now)
    pod = await pods.lock_pod(tx, job.job_id, job.attempt)
    if pod is not None:
        paused = replace(job, state=JobState.PAUSED)
        await drain(tx, paused, pod, f"paused by {pause.requested_by}", policy=policy, now=now)


async def end_job(
    tx: AsyncConnection, job_id: UUID, workspace_id: UUID, state: JobState, reason: str, *, policy: Policy,
    now: datetime, completed: bool = False,
) -> None:
    """The job needs no pod any more. Known before its start, the end is remembered.

    `completed`: job_api received the trainer's result before we did; the trainer may close by itself.
    """
    if await jobs.insert_ended(tx, job_id, workspace_id, state, reason, now):
        return
    job = await jobs.lock_job(tx, job_id)
    assert job is not None
    await jobs.end_job(tx, job_id, state, reason, now)
    pod = await pods.lock_pod(tx, job_id, job.attempt)
    if completed and pod is not None and pod.result is None:
        await let_finish(tx, pod, Result.COMPLETED, policy, now)
    await stop_pods(tx, job, reason, policy=policy, now=now)


async def end_overdue(tx: AsyncConnection, job_id: UUID, *, policy: Policy, now: datetime) -> None:
    """Give up a job that has run longer than it may."""
    job = await jobs.lock_job(tx, job_id)
    if job is None or not job.active or job.spec is None:
        return
    end = deadline(job)
    pod = await pods.lock_pod(tx, job_id, job.attempt)
    if end is not None and end <= now and pod is not None:
        await give_up(tx, job, pod, timed_out(job.spec.max_duration_s), policy=policy, now=now)
