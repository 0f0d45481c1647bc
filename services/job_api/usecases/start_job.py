"""A start reserves the money first; the job is queued only on a definite yes."""

from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from contracts.events import TrainingFileReference
from contracts.job_status import JobAction
from contracts.rpc import costs
from contracts.rpc.costs import ReserveReply, ReserveRequest
from services.job_api import problems
from services.job_api.domain.job import Job, MoveRefused, Reservation, check, start
from services.job_api.ports import Asks
from services.job_api.repository import files, jobs, reservations
from services.job_api.repository.job_rows import state_columns
from services.job_api.usecases.estimate import estimate_columns, estimate_request
from services.job_api.usecases.history import say
from services.job_api.usecases.requests import Caller


async def startable(database: Database, caller: Caller, job_id: UUID) -> ReserveRequest:
    """What to ask the budget for a job that may be started. Raises 404 and 409."""
    async with database.read() as tx:
        job = await jobs.find(tx, caller.workspace_id, job_id)
        file = await files.for_training(tx, caller.workspace_id, job.training_file_id) if job else None
    if job is None:
        raise problems.job_not_found(job_id)
    _check(job)
    reference = _usable(file, job.training_file_id)
    return ReserveRequest(job_id=job.id, job_name=job.name, requested_by=caller.subject,
                          estimate=estimate_request(caller.workspace_id, job.configuration, reference))


async def reserve(database: Database, asks: Asks, request: ReserveRequest) -> ReserveReply:
    """The budget's yes. Raises 402 when it refuses and 503 when it does not answer.

    The intent outlives a crash, so that money is not held for ever for a job that was never queued.
    """
    async with database.transaction() as tx:
        await reservations.intend(tx, request.estimate.workspace_id, request.job_id)
    reply = await asks.request(costs.RESERVE, request)
    if reply.accepted and reply.reservation_id is not None:
        return reply
    async with database.transaction() as tx:
        await reservations.settle(tx, request.job_id)
    raise problems.budget_exceeded(reply, request.job_id)


async def enqueue(tx: AsyncConnection, clock: Clock, caller: Caller, job_id: UUID, reply: ReserveReply) -> None:
    """Queue the job whose money is reserved. Raises 404 or 409 when it changed in between."""
    job = await jobs.lock(tx, caller.workspace_id, job_id)
    if job is None:
        raise problems.job_not_found(job_id)
    _check(job)
    reference = _usable(await files.for_training(tx, job.workspace_id, job.training_file_id, keep=True),
                        job.training_file_id)
    decision = start(job, reference, _reservation(reply), caller.subject)
    last_seq = await say(tx, job.id, job.event_seq, decision.events)
    await jobs.save(tx, job.id, state_columns(decision.state) | estimate_columns(reply.estimate) | {
        "event_seq": last_seq, "reservation_id": reply.reservation_id, "queued_at": clock.now()})
    await reservations.settle(tx, job.id)


def _reservation(reply: ReserveReply) -> Reservation:
    assert reply.reservation_id is not None
    return Reservation(reply.reservation_id, reply.estimate.cost_micro_usd.expected, reply.estimate.duration.expected_s)


def _check(job: Job) -> None:
    try:
        check(job, JobAction.START)
    except MoveRefused as refusal:
        raise problems.move_refused(refusal, job.id) from refusal


def _usable(file: RowMapping | None, file_id: UUID) -> TrainingFileReference:
    if file is None:
        raise problems.file_not_found(file_id)
    if file["status"] != files.READY:
        raise problems.file_blocked(file["name"], file["error_count"])
    return files.reference(file)
