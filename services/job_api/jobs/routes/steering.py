"""A job under way: pause, resume, another tier; and going on from a job that ended too early."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Engineer, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import JsonResponse
from services.job_api.jobs import presenter
from services.job_api.jobs.application import continue_job as continuing
from services.job_api.jobs.application import pause_job as pausing
from services.job_api.jobs.application import queue as queueing
from services.job_api.jobs.application import resume_job as resuming
from services.job_api.jobs.application import switch_tier as switching
from services.job_api.jobs.application.places import with_place
from services.job_api.jobs.routes.translate import continuation_of
from services.job_api.jobs.schemas.jobs import JobView
from services.job_api.jobs.schemas.steering import ChangeTier, ContinueJob, PauseJob, ResumeJob
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/jobs/{{job_id}}", tags=["jobs"])
_REFUSED: dict[int | str, dict[str, Any]] = {402: {"description": "The budget does not allow what remains of this run"}}


@router.post("/pause", response_model=JobView)
async def pause_job(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord, body: PauseJob | None = None
) -> JsonResponse:
    """Save a checkpoint after the running step, end the machine, free the money. `resume` goes on from there."""
    async with deps.database.transaction() as tx:
        queue = await queueing.lock_queue(tx, principal.workspace_id, deps.jobs.queue_limits)
        row = await pausing.pause_job(queue, caller(principal), job_id, body.reason if body else "")
        return await record.answer(tx, presenter.job(await with_place(tx, row, queue.limits)))


@router.post("/resume", response_model=JobView, responses=_REFUSED)
async def resume_job(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord, body: ResumeJob | None = None
) -> JsonResponse:
    """Reserve the cost of what remains and queue the job; the next attempt goes on from the newest checkpoint."""
    tier = body.gpu_pricing_tier if body else None
    return await resuming.resume_job(deps.jobs, caller(principal), job_id, tier, record.answering(presenter.job))


@router.post("/tier", response_model=JobView, responses=_REFUSED)
async def change_tier(
    job_id: UUID, body: ChangeTier, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Go on with another kind of capacity: the machine saves a checkpoint, the next one of the new tier goes on."""
    return await switching.move_to_tier(
        deps.jobs, caller(principal), job_id, body.pricing_tier, body.reason, record.answering(presenter.job))


@router.post("/continue", status_code=201, response_model=JobView, responses=_REFUSED)
async def continue_job(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord, body: ContinueJob | None = None
) -> JsonResponse:
    """A new job that goes on from the newest checkpoint of one that failed or was cancelled (`continues`)."""
    wanted, finish = body or ContinueJob(), record.answering(presenter.job, 201, presenter.location)
    return await continuing.continue_job(
        deps.jobs, caller(principal), job_id, continuation_of(wanted), finish, start=wanted.start)
