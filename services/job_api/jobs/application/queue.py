"""The queue of a workspace. Every way into it is `enter_queue`, every way out is `dispatch` or the job's end.

Whoever enters, leaves or moves it, or makes a place free, holds the queue's lock, taken before the lock of any job:
so no two replicas give the same place away, and nobody waits for somebody who waits for him. `dispatch` runs in the
transaction that made a place free; `dispatch_all` finds what was left (limits that were raised).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from contracts.job_status import ACTIVE, JobAction, JobStatus
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.domain.job import Job, check, dispatched, enters_queue, has_to_wait, promoted
from services.job_api.jobs.domain.queue import QueueLimits, may_start
from services.job_api.jobs.repository import jobs, queue
from services.job_api.jobs.repository.job_rows import job_of, waiting_job_of


@dataclass(frozen=True)
class LockedQueue:
    """The right to change a workspace's queue until the transaction ends."""

    tx: AsyncConnection
    workspace_id: UUID
    limits: QueueLimits


async def lock_queue(tx: AsyncConnection, workspace_id: UUID, limits: QueueLimits) -> LockedQueue:
    """To be called before any job is locked."""
    await queue.lock(tx, workspace_id)
    return LockedQueue(tx, workspace_id, limits)


async def enter_queue(
    held: LockedQueue, job: Job, requested_by: str, columns: dict[str, Any] | None = None
) -> RowMapping:
    """Let a locked job, whose money is reserved, wait for its turn; it may come at once. `columns`: what the caller
    saves with it. Returns the job's row as it is then."""
    at = await queue.now(held.tx)
    row = await apply_decision(held.tx, job, enters_queue(job), (columns or {}) | {
        "waiting_since": at, "promoted_at": None, "queued_at": at, "start_requested_by": requested_by})
    if job.id not in await dispatch(held):
        queued = job_of(row)
        return await apply_decision(held.tx, queued, has_to_wait(queued))
    started = await jobs.view(held.tx, held.workspace_id, job.id)
    assert started is not None
    return started


async def dispatch(held: LockedQueue) -> list[UUID]:
    """Start whoever may: ask for the machines of the jobs whose turn it is. Returns them in order."""
    members = await queue.members(held.tx, held.workspace_id)
    waiting = [waiting_job_of(row) for row in members if row.waiting_since is not None]
    if not waiting:
        return []
    active = [row.created_by for row in members if row.waiting_since is None]
    started = [job.id for job in may_start(active, waiting, held.limits)]
    for job_id in started:
        await _start(held, job_id)
    await queue.wake_waiting(held.tx, held.workspace_id)
    return started


async def _start(held: LockedQueue, job_id: UUID) -> None:
    job = await queue.lock_waiting(held.tx, held.workspace_id, job_id)
    assert job is not None  # nobody takes a job out of the queue without its lock
    file = await references.for_training(held.tx, held.workspace_id, job.training_file_id)
    assert file is not None  # a file that a job uses cannot be deleted
    at = await queue.now(held.tx)
    await apply_decision(held.tx, job, dispatched(job, references.reference(file)), {
        "waiting_since": None, "status_since": at, "run": job.run + 1})


async def promote(held: LockedQueue, caller: Caller, job_id: UUID) -> RowMapping:
    """Put a waiting job in front of all others. Raises JobNotFound, MoveRefused for one that does not wait."""
    job = await locked(held.tx, caller.workspace_id, job_id)
    check(job, JobAction.PROMOTE)
    row = await apply_decision(held.tx, job, promoted(job, caller.subject), {
        "promoted_at": await queue.now(held.tx)})
    await queue.wake_waiting(held.tx, held.workspace_id)
    return row


async def dispatch_all(database: Database, limits: QueueLimits) -> int:
    """Look into every queue, one transaction each. Returns how many jobs were started."""
    async with database.read() as tx:
        workspaces = await queue.with_waiting(tx)
    started = 0
    for workspace_id in workspaces:
        async with database.transaction() as tx:
            started += len(await dispatch(await lock_queue(tx, workspace_id, limits)))
    return started


def makes_place(before: JobStatus, after: JobStatus) -> bool:
    """Whether a job that moved so leaves its place to another one."""
    return before in ACTIVE and after not in ACTIVE
