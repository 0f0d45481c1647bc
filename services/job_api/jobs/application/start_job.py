"""A start reserves the money first; the job is queued only on a definite yes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.job_status import JobAction
from contracts.rpc.costs import ReserveReply, ReserveRequest
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.commands import Finish, JobContext, ResultT
from services.job_api.jobs.application.estimates import estimate_columns, estimate_request
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.memory import require_fit
from services.job_api.jobs.application.reservations import open_intent, reserved, use_up
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.domain.job import Job, Reservation, check, start
from services.job_api.machines import Machines


async def start_job(context: JobContext, caller: Caller, job_id: UUID, finish: Finish[ResultT]) -> ResultT:
    """Raises JobNotFound, MoveRefused, DoesNotFit, StartInProgress, BudgetExceeded, and ServiceUnavailable when nobody
    knows the budget."""
    async with context.database.transaction() as tx:
        request = await _open(tx, caller, job_id, context.machines)
    async with reserved(context, request) as reply, context.database.transaction() as tx:
        job = await locked(tx, caller.workspace_id, job_id)
        row = await enqueue(tx, job, request, reply, at=context.clock.now())
        return await finish(tx, row)


async def _open(tx: AsyncConnection, caller: Caller, job_id: UUID, machines: Machines) -> ReserveRequest:
    job = await locked(tx, caller.workspace_id, job_id)
    check(job, JobAction.START)
    file = references.reference(await usable_file(tx, caller.workspace_id, job.training_file_id))
    require_fit(machines, job.configuration, file)
    return ReserveRequest(
        job_id=job.id, job_name=job.name, requested_by=caller.subject,
        estimate=estimate_request(caller.workspace_id, job.configuration, file),
        reservation_id=await open_intent(tx, caller.workspace_id, job_id))


async def enqueue(
    tx: AsyncConnection, job: Job, request: ReserveRequest, reply: ReserveReply, *, at: datetime
) -> RowMapping:
    """Queue a locked job whose money is reserved. Returns its row. Raises MoveRefused, StartOvertaken."""
    check(job, JobAction.START)
    file = await usable_file(tx, job.workspace_id, job.training_file_id, keep=True)
    money = _reservation(request, reply)
    await use_up(tx, job.id, money.id)
    decision = start(job, references.reference(file), money, request.requested_by)
    return await apply_decision(tx, job, decision, estimate_columns(reply.estimate) | {
        "reservation_id": money.id, "queued_at": at})


def _reservation(request: ReserveRequest, reply: ReserveReply) -> Reservation:
    assert request.reservation_id is not None
    return Reservation(
        request.reservation_id, reply.estimate.cost_micro_usd.expected, reply.estimate.duration.expected_s,
        reply.reserved_micro_usd)
