"""Stop a job for a while: its machine saves and goes, its money is free, its place is another's."""

from uuid import UUID

from sqlalchemy.engine import RowMapping

from services.job_api.callers import Caller
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.queue import LockedQueue, dispatch
from services.job_api.jobs.domain.steering import pause


async def pause_job(queue: LockedQueue, caller: Caller, job_id: UUID, reason: str) -> RowMapping:
    """The next one starts. Raises JobNotFound, and MoveRefused for a job that does not run."""
    job = await locked(queue.tx, caller.workspace_id, job_id)
    row = await apply_decision(queue.tx, job, pause(job, caller.subject, reason))
    await dispatch(queue)
    return row
