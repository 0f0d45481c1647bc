"""End a job now."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.callers import Caller
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.queue import LockedQueue, dispatch
from services.job_api.jobs.domain.job import cancel


async def cancel_job(queue: LockedQueue, caller: Caller, job_id: UUID, reason: str, now: datetime) -> RowMapping:
    """The next one starts. Raises JobNotFound, and MoveRefused for a job that has ended."""
    row = await end_job(queue.tx, caller, job_id, reason, now)
    await dispatch(queue)
    return row


async def end_job(tx: AsyncConnection, caller: Caller, job_id: UUID, reason: str, now: datetime) -> RowMapping:
    """Its place in the queue, which is locked, is free. Raises JobNotFound, MoveRefused."""
    job = await locked(tx, caller.workspace_id, job_id)
    return await apply_decision(tx, job, cancel(job, caller.subject, reason, now))
