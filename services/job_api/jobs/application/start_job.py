"""A start reserves the money first; the job is queued only on a definite yes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.job_status import JobAction
from contracts.rpc import costs
from contracts.rpc.costs import ReserveReply, ReserveRequest
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.commands import Finish, JobContext, ResultT
from services.job_api.jobs.application.estimates import estimate_columns, estimate_request
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.domain.job import Job, Reservation, check, start
from services.job_api.jobs.errors import BudgetExceeded, JobNotFound
from services.job_api.jobs.repository import jobs, start_intents


async def start_job(context: JobContext, caller: Caller, job_id: UUID, finish: Finish[ResultT]) -> ResultT:
    """Raises JobNotFound, MoveRefused, BudgetExceeded, and ServiceUnavailable when nobody knows the budget."""
    async with context.database.read() as tx:
        request = await _reserve_request(tx, caller, job_id)
    reply = await reserve(context, request)
    async with context.database.transaction() as tx:
        job = await jobs.lock(tx, caller.workspace_id, job_id)
        if job is None:
            raise JobNotFound(job_id)
        return await finish(tx, await enqueue(tx, job, reply, by=caller.subject, at=context.clock.now()))


async def _reserve_request(tx: AsyncConnection, caller: Caller, job_id: UUID) -> ReserveRequest:
    job = await jobs.find(tx, caller.workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    check(job, JobAction.START)
    file = references.reference(await usable_file(tx, caller.workspace_id, job.training_file_id))
    return ReserveRequest(job_id=job.id, job_name=job.name, requested_by=caller.subject,
                          estimate=estimate_request(caller.workspace_id, job.configuration, file))


async def reserve(context: JobContext, request: ReserveRequest) -> ReserveReply:
    """The budget's yes. The intent outlives a crash, so that money is not held for a job that was never queued."""
    async with context.database.transaction() as tx:
        await start_intents.intend(tx, request.estimate.workspace_id, request.job_id)
    reply = await context.rpc.request(costs.RESERVE, request)
    if reply.accepted and reply.reservation_id is not None:
        return reply
    async with context.database.transaction() as tx:
        await start_intents.settle(tx, request.job_id)
    raise BudgetExceeded(request.job_id, reply)


async def enqueue(tx: AsyncConnection, job: Job, reply: ReserveReply, *, by: str, at: datetime) -> RowMapping:
    """Queue a locked job whose money is reserved. Returns its row."""
    file = await usable_file(tx, job.workspace_id, job.training_file_id, keep=True)
    decision = start(job, references.reference(file), _reservation(reply), by)
    await start_intents.settle(tx, job.id)
    return await apply_decision(tx, job, decision, estimate_columns(reply.estimate) | {
        "reservation_id": reply.reservation_id, "queued_at": at})


def _reservation(reply: ReserveReply) -> Reservation:
    assert reply.reservation_id is not None
    return Reservation(reply.reservation_id, reply.estimate.cost_micro_usd.expected, reply.estimate.duration.expected_s)
