"""Money for a start. Each try names its reservation; that name is written down (the intent) before it is asked for,
and goes either with the transaction that queues the job or with the release of what was reserved.

- A try is opened under the job's lock while the job is pending, or before the job exists. There is one at a time.
- Whoever queues the job must still have its own open intent.
- Whoever releases closes the intent first, under the job's lock, and asks cost_guard after the commit. A crash in
  between is repeated: releasing is by name, and a name that no job was queued with never pays for a job.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.problems import ServiceUnavailable
from contracts.identifiers import uuid7
from contracts.rpc import costs
from contracts.rpc.costs import ReleaseRequest, ReserveReply, ReserveRequest
from services.job_api.jobs.application.commands import JobContext
from services.job_api.jobs.domain.job import was_queued_with
from services.job_api.jobs.errors import BudgetExceeded, StartInProgress, StartOvertaken
from services.job_api.jobs.repository import jobs, start_intents
from services.job_api.jobs.repository.start_intents import StartIntent
from services.job_api.ports import RpcClient

# A start takes one question of two seconds and two short transactions; one that is older has failed.
TAKEN_OVER_AFTER = timedelta(seconds=30)
ABANDONED_AFTER = timedelta(minutes=2)
log = structlog.get_logger(__name__)


async def open_intent(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> UUID:
    """The name of a new try to start this job, which is locked or does not exist yet. Raises StartInProgress."""
    found = await start_intents.open_one(tx, job_id, fresh_for=TAKEN_OVER_AFTER)
    if found is not None:
        earlier, fresh = found
        if fresh:
            raise StartInProgress(job_id)
        await start_intents.close(tx, earlier.id)
    name = uuid7()
    await start_intents.add(tx, StartIntent(name, job_id, workspace_id, name))
    return name


@asynccontextmanager
async def reserved(context: JobContext, request: ReserveRequest) -> AsyncIterator[ReserveReply]:
    """The budget's yes, for as long as the block needs to queue the job; given back when the block fails.

    Raises BudgetExceeded, and ServiceUnavailable without an answer.
    """
    try:
        yield await _reserve(context, request)
    except BudgetExceeded:
        raise
    except Exception as error:
        await _give_back(context, request, at_once=not isinstance(error, ServiceUnavailable))
        raise


async def use_up(tx: AsyncConnection, job_id: UUID, reservation_id: UUID) -> None:
    """In the transaction that queues the job. Raises StartOvertaken when the try was given up in between."""
    if not await start_intents.take(tx, reservation_id):
        raise StartOvertaken(job_id)


async def release_abandoned(database: Database, rpc: RpcClient, older_than: timedelta = ABANDONED_AFTER) -> int:
    """Release what starts reserved that failed or crashed. Returns how many; raises the first failure at the end."""
    async with database.read() as tx:
        due = await start_intents.abandoned(tx, older_than)
    released, failures = 0, []
    for intent in due:
        try:
            released += await _release_abandoned(database, rpc, intent)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return released


async def _reserve(context: JobContext, request: ReserveRequest) -> ReserveReply:
    reply = await context.rpc.request(costs.RESERVE, request)
    if reply.accepted:
        return reply
    async with context.database.transaction() as tx:
        still_ours = await start_intents.take(tx, _name(request))
    raise BudgetExceeded(request.job_id, reply) if still_ours else StartOvertaken(request.job_id)


async def _give_back(context: JobContext, request: ReserveRequest, *, at_once: bool) -> None:
    """Where this fails too, the worker repeats it."""
    intent = StartIntent(_name(request), request.job_id, request.estimate.workspace_id, request.reservation_id)
    try:
        async with context.database.transaction() as tx:
            if await _is_in_use(tx, intent):  # it was committed after all, only the answer was lost
                return
            await start_intents.add_closed(tx, intent)
        if at_once:
            await _release(context.database, context.rpc, intent)
    except Exception as error:
        log.warning("reservation_not_given_back", job_id=str(intent.job_id), error=repr(error))


async def _release_abandoned(database: Database, rpc: RpcClient, intent: StartIntent) -> bool:
    async with database.transaction() as tx:
        if await _is_in_use(tx, intent):
            await start_intents.forget(tx, intent.id)
            return False
        if not await start_intents.close(tx, intent.id):
            return False
    await _release(database, rpc, intent)
    return True


async def _release(database: Database, rpc: RpcClient, intent: StartIntent) -> None:
    await rpc.request(costs.RELEASE, ReleaseRequest(
        job_id=intent.job_id, workspace_id=intent.workspace_id, reservation_id=intent.reservation_id))
    async with database.transaction() as tx:
        await start_intents.forget(tx, intent.id)


async def _is_in_use(tx: AsyncConnection, intent: StartIntent) -> bool:
    """Asked under the job's lock, which keeps it true until the commit."""
    return was_queued_with(await jobs.lock(tx, intent.workspace_id, intent.job_id), intent.reservation_id)


def _name(request: ReserveRequest) -> UUID:
    assert request.reservation_id is not None
    return request.reservation_id
