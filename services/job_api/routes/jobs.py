"""Jobs as a resource: create, list, read, edit, delete."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.job_api import presenters, problems
from services.job_api.domain.keyset import InvalidCursor
from services.job_api.repository import job_list, jobs
from services.job_api.schemas.jobs import CreateJob, Deleted, EditJob, JobList, JobListQuery, JobView
from services.job_api.translate import job_filter, new_job
from services.job_api.wiring import Engineer, JsonResponse, Reader, WithOnce, WithParts, caller

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post("", status_code=201, response_model=JobView)
async def create_job(body: CreateJob, principal: Engineer, parts: WithParts, once: WithOnce) -> JsonResponse:
    """Create a job from a training file and a preset; with `start` it is queued at once."""
    job = await parts.commands.create(caller(principal), new_job(body), start=body.start, once=once)
    return JsonResponse(job, 201, headers={"location": f"/api/training/jobs/{job['id']}"})


@router.get("", response_model=JobList)
async def list_jobs(query: Annotated[JobListQuery, Query()], principal: Reader, parts: WithParts) -> JsonResponse:
    """The workspace's jobs, a page at a time."""
    try:
        async with parts.database.read() as tx:
            page = await job_list.page(tx, principal.workspace_id, job_filter(query), sort=query.sort,
                                       descending=query.order == "desc", limit=query.limit, after=query.after)
    except InvalidCursor as error:
        raise problems.invalid_cursor(error) from error
    return JsonResponse(presenters.page([presenters.job(row) for row in page.rows], page.next_cursor))


@router.get("/{job_id}", response_model=JobView)
async def read_job(job_id: UUID, principal: Reader, parts: WithParts) -> JsonResponse:
    """One job as it is now, with what may be done with it."""
    async with parts.database.read() as tx:
        row = await jobs.view(tx, principal.workspace_id, job_id)
    if row is None:
        raise problems.job_not_found(job_id)
    return JsonResponse(presenters.job(row))


@router.patch("/{job_id}", response_model=JobView)
async def edit_job(job_id: UUID, body: EditJob, principal: Engineer, parts: WithParts) -> JsonResponse:
    """Change name, description, notes or tags, whatever the job's status."""
    return JsonResponse(await parts.commands.edit(caller(principal), job_id, body.model_dump(exclude_none=True)))


@router.delete("/{job_id}", response_model=Deleted)
async def delete_job(job_id: UUID, principal: Engineer, parts: WithParts) -> JsonResponse:
    """Delete a job that was never started."""
    await parts.commands.delete(caller(principal), job_id)
    return JsonResponse({"object": "training_job", "id": job_id, "deleted": True})
