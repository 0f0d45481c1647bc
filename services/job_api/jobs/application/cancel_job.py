"""End a job now."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping

from services.job_api.callers import Caller
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.queue import LockedQueue, dispatch
from services.job_api.jobs.domain.job import cancel


async def cancel_job(queue: LockedQueue, caller: Caller, job_id: UUID, reason: str, now: datetime) -> RowMapping:
    """The next one starts. Raises JobNotFound, and MoveRefused for a job that has ended."""
    job = await locked(queue.tx, caller.workspace_id, job_id)
    row = await apply_decision(queue.tx, job, cancel(job, caller.subject, reason, now))
    await dispatch(queue)
    return row
