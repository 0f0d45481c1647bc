"""Jobs that wait for something that never comes: a start that got lost, a machine that never spoke."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import UUID

import structlog

from chassis.database.engine import Database
from contracts.job_status import JobStatus
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.queue import dispatch, lock_queue
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.jobs.domain.waiting import give_up, waits_as
from services.job_api.jobs.repository import waiting

Limits = Mapping[JobStatus, timedelta]
log = structlog.get_logger(__name__)


async def fail_overdue(
    database: Database, limits: Limits, queue_limits: QueueLimits, nothing_unheard: Callable[[], Awaitable[bool]]
) -> int:
    """Fail jobs that have been in a waiting status for longer than it may last. Returns how many.

    Silence counts only while we have taken all that was said: after an outage of the broker, what moved the jobs in
    the meantime comes first.
    """
    async with database.read() as tx:
        due = await waiting.overdue(tx, limits)
    if not due or not await nothing_unheard():
        return 0
    return sum([await _fail(database, limits, queue_limits, *job) for job in due])


async def _fail(
    database: Database, limits: Limits, queue_limits: QueueLimits, workspace_id: UUID, job_id: UUID
) -> bool:
    async with database.transaction() as tx:
        queue = await lock_queue(tx, workspace_id, queue_limits)
        found = await waiting.lock_overdue(tx, workspace_id, job_id, limits)
        if found is None:  # it moved on, or another replica is at it
            return False
        job, now = found
        await apply_decision(tx, job, give_up(job, limits[waits_as(job.state)], now))
        await dispatch(queue)
    log.warning("job_given_up", job_id=str(job_id), status=job.state.status.value)
    return True
