"""A start reserves the money first; the job is queued only on a definite yes."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.job_status import JobAction
from contracts.rpc.costs import ReserveReply, ReserveRequest
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.commands import Finish, JobContext, ResultT
from services.job_api.jobs.application.estimates import estimate_columns, estimate_request
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.memory import require_fit
from services.job_api.jobs.application.places import with_place
from services.job_api.jobs.application.queue import LockedQueue, enter_queue, lock_queue
from services.job_api.jobs.application.reservations import open_intent, reserved, use_up
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.domain.job import Job, check
from services.job_api.jobs.repository.job_rows import Row
from services.job_api.machines import Machines


async def start_job(context: JobContext, caller: Caller, job_id: UUID, finish: Finish[ResultT]) -> ResultT:
    """Raises JobNotFound, MoveRefused, DoesNotFit, StartInProgress, BudgetExceeded, and ServiceUnavailable when nobody
    knows the budget."""
    async with context.database.transaction() as tx:
        request = await _open(tx, caller, job_id, context.machines)
    async with reserved(context, request) as reply, context.database.transaction() as tx:
        queue = await lock_queue(tx, caller.workspace_id, context.queue_limits)
        job = await locked(tx, caller.workspace_id, job_id)
        return await finish(tx, await enqueue(queue, job, request, reply))


async def _open(tx: AsyncConnection, caller: Caller, job_id: UUID, machines: Machines) -> ReserveRequest:
    job = await locked(tx, caller.workspace_id, job_id)
    check(job, JobAction.START)
    file = references.reference(await usable_file(tx, caller.workspace_id, job.training_file_id))
    require_fit(machines, job.configuration, file)
    return ReserveRequest(
        job_id=job.id, job_name=job.name, requested_by=caller.subject,
        estimate=estimate_request(caller.workspace_id, job.configuration, file, done_epochs=job.done_epochs),
        reservation_id=await open_intent(tx, caller.workspace_id, job_id))


async def enqueue(queue: LockedQueue, job: Job, request: ReserveRequest, reply: ReserveReply) -> Row:
    """Queue a locked job whose money is reserved. Returns its row. Raises MoveRefused, StartOvertaken."""
    assert request.reservation_id is not None
    check(job, JobAction.START)
    await usable_file(queue.tx, job.workspace_id, job.training_file_id, keep=True)
    await use_up(queue.tx, job.id, request.reservation_id)
    row = await enter_queue(queue, job, request.requested_by, estimate_columns(reply.estimate) | {
        "reservation_id": request.reservation_id, "reserved_micro_usd": reply.reserved_micro_usd})
    return await with_place(queue.tx, row, queue.limits)
