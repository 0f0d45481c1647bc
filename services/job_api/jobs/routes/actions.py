"""What can be done with a job: start, cancel, promote, retry."""

from uuid import UUID

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import BudgetHolder, Engineer, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import JsonResponse
from services.job_api.jobs import presenter
from services.job_api.jobs.application import cancel_job as ending
from services.job_api.jobs.application import queue as queueing
from services.job_api.jobs.application import retry_job as retrying
from services.job_api.jobs.application import start_job as starting
from services.job_api.jobs.application.places import with_place
from services.job_api.jobs.routes.translate import retry_of
from services.job_api.jobs.schemas.jobs import JobView
from services.job_api.jobs.schemas.retries import RetryJob, RetryProposal
from services.job_api.jobs.schemas.steering import CancelJob
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/jobs/{{job_id}}", tags=["jobs"])


@router.post("/start", response_model=JobView, responses={402: {"description": "The budget does not allow this run"}})
async def start_job(job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord) -> JsonResponse:
    """Reserve the cost and queue the job. A job starts once."""
    return await starting.start_job(deps.jobs, caller(principal), job_id, record.answering(presenter.job))


@router.post("/cancel", response_model=JobView)
async def cancel_job(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord, body: CancelJob | None = None
) -> JsonResponse:
    """End the job now; its machine is stopped."""
    reason = body.reason if body else ""
    async with deps.database.transaction() as tx:
        queue = await queueing.lock_queue(tx, principal.workspace_id, deps.jobs.queue_limits)
        row = await ending.cancel_job(queue, caller(principal), job_id, reason, deps.clock.now())
        return await record.answer(tx, presenter.job(await with_place(tx, row, queue.limits)))


@router.post("/promote", response_model=JobView)
async def promote_job(
    job_id: UUID, principal: BudgetHolder, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Put a job that waits for its turn in front of all others of the workspace (owners and admins)."""
    async with deps.database.transaction() as tx:
        queue = await queueing.lock_queue(tx, principal.workspace_id, deps.jobs.queue_limits)
        row = await queueing.promote(queue, caller(principal), job_id)
        return await record.answer(tx, presenter.job(await with_place(tx, row, queue.limits)))


@router.post("/retry", status_code=201, response_model=JobView, responses={
    200: {"model": RetryProposal, "description": "With `confirm: false`: what a retry would do; nothing is created"},
    402: {"description": "The budget does not allow this run"}})
async def retry_job(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord, body: RetryJob | None = None
) -> JsonResponse:
    """The same file and configuration with the change that answers the error: `confirm` false proposes it, true makes
    and starts it."""
    wanted, finish = body or RetryJob(), record.answering(presenter.job, 201, presenter.location)
    retry, who = retry_of(wanted), caller(principal)
    if wanted.confirm is False:
        return JsonResponse(presenter.proposal(await retrying.propose_retry(deps.jobs, who, job_id, retry)))
    return await retrying.retry_job(deps.jobs, who, job_id, retry, finish, start=wanted.start or bool(wanted.confirm))
