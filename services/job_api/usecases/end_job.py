"""Cancelling, editing and deleting."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import JobDeleted
from contracts.job_status import JobAction
from services.job_api import problems
from services.job_api.domain.job import Job, MoveRefused, cancel, check
from services.job_api.repository import jobs
from services.job_api.repository.job_rows import state_columns
from services.job_api.usecases.create_job import search_text
from services.job_api.usecases.history import SOURCE, say
from services.job_api.usecases.requests import Caller


async def locked(tx: AsyncConnection, caller: Caller, job_id: UUID) -> Job:
    """Raises 404."""
    job = await jobs.lock(tx, caller.workspace_id, job_id)
    if job is None:
        raise problems.job_not_found(job_id)
    return job


async def cancel_job(tx: AsyncConnection, clock: Clock, caller: Caller, job_id: UUID, reason: str) -> None:
    """Raises 404, and 409 for a job that has ended."""
    job = await locked(tx, caller, job_id)
    try:
        decision = cancel(job, caller.subject, reason, clock.now())
    except MoveRefused as refusal:
        raise problems.move_refused(refusal, job_id) from refusal
    last_seq = await say(tx, job.id, job.event_seq, decision.events)
    await jobs.save(tx, job.id, state_columns(decision.state) | {"event_seq": last_seq})


async def edit_job(tx: AsyncConnection, caller: Caller, job_id: UUID, given: dict[str, Any]) -> None:
    """Change name, description, notes or tags, at any time. Raises 404."""
    job = await locked(tx, caller, job_id)
    name, notes = given.get("name", job.name), given.get("notes", job.notes)
    tags = tuple(given.get("tags", job.tags))
    await jobs.save(tx, job_id, given | {"search_text": search_text(name, notes, tags)})


async def delete_job(tx: AsyncConnection, caller: Caller, job_id: UUID) -> None:
    """Raises 404, and 409 for a job that was ever started."""
    job = await locked(tx, caller, job_id)
    try:
        check(job, JobAction.DELETE)
    except MoveRefused as refusal:
        raise problems.move_refused(refusal, job_id) from refusal
    deleted = JobDeleted(job_id=job.id, workspace_id=job.workspace_id, deleted_by=caller.subject)
    await emit(tx, new_event(deleted, source=SOURCE))
    await jobs.remove(tx, job_id)
