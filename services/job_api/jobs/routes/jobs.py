"""Jobs as a resource: create, list, read, edit, delete. The list and the single job are read most of all."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from services.job_api.callers import Caller
from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import Engineer, Reader, caller
from services.job_api.edge.direct_route import DirectRoute
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import INVALID_CURSOR, JsonResponse, page
from services.job_api.jobs import presenter
from services.job_api.jobs.application import create_job as creation
from services.job_api.jobs.application import delete_job as deletion
from services.job_api.jobs.application import edit_job as editing
from services.job_api.jobs.application.commands import NewJob, new_job
from services.job_api.jobs.application.people import creators
from services.job_api.jobs.application.places import read_with_places, with_place
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.exports import export_jobs
from services.job_api.jobs.repository import job_list, jobs
from services.job_api.jobs.repository.job_list import JobFilter
from services.job_api.jobs.routes.translate import job_filter, job_values
from services.job_api.jobs.schemas.jobs import CreateJob, Deleted, EditJob, JobList, JobListQuery, JobView
from services.job_api.paths import PREFIX
from services.job_api.templates.application.queries import job_from_template

router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["jobs"], route_class=DirectRoute)


@router.post("", status_code=201, response_model=JobView, responses={
    402: {"description": "The budget does not allow this run"}})
async def create_job(
    body: CreateJob, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Create a job from a training file and a preset, or from a template; with `start` it is queued at once."""
    finish = record.answering(presenter.job, 201, presenter.location)
    wanted = await _wanted(body, caller(principal), deps)
    return await creation.create_job(deps.jobs, caller(principal), wanted, finish, start=body.start)


@router.get("", response_model=JobList, responses=INVALID_CURSOR | {200: {"content": {"text/csv": {}}}})
async def list_jobs(query: Annotated[JobListQuery, Query()], principal: Reader, deps: WithDependencies) -> Response:
    """The workspace's jobs, a page at a time; with `format=csv` everything that matches as one file."""
    criteria = await _criteria(query, principal.workspace_id, deps)
    if query.format == "csv":
        return _as_csv(query, criteria, principal.workspace_id, deps)
    compact = query.view == "compact"
    found = await job_list.page(
        deps.database, principal.workspace_id, criteria, sort=query.sort, descending=query.order == "desc",
        limit=query.limit, after=query.after, columns=job_list.COMPACT if compact else job_list.FULL)
    shown = presenter.compact_job if compact else presenter.job
    rows = await read_with_places(deps.database, found.rows, deps.jobs.queue_limits)
    return JsonResponse(page([shown(row) for row in rows], found.next_cursor))


@router.get("/{job_id}", response_model=JobView)
async def read_job(job_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """One job as it is now, with what may be done with it."""
    row = await jobs.shown(deps.database, principal.workspace_id, job_id)
    if row is None:
        raise JobNotFound(job_id)
    [shown] = await read_with_places(deps.database, [row], deps.jobs.queue_limits)
    return JsonResponse(presenter.job(shown))


@router.patch("/{job_id}", response_model=JobView, responses={
    409: {"description": "The notes were changed since `notes_revision`; `notes` has both texts"}})
async def edit_job(
    job_id: UUID, body: EditJob, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Change name, description, notes, tags, client or project, whatever the job's status."""
    given = body.model_dump(exclude_none=True)
    based_on = given.pop("notes_revision", None)
    async with deps.database.transaction() as tx:
        edited = await editing.edit_job(tx, caller(principal), job_id, given, notes_based_on=based_on)
        return await record.answer(tx, presenter.job(await with_place(tx, edited, deps.jobs.queue_limits)))


@router.delete("/{job_id}", response_model=Deleted, responses={409: {"description": "The job was started"}})
async def delete_job(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Delete a job that was never started."""
    async with deps.database.transaction() as tx:
        await deletion.delete_job(tx, caller(principal), job_id)
        return await record.answer(tx, {"object": "training_job", "id": job_id, "deleted": True})


async def _wanted(body: CreateJob, who: Caller, deps: Dependencies) -> NewJob:
    if body.template_id is None:
        return new_job(job_values(body))
    async with deps.database.read() as tx:
        return await job_from_template(tx, who, body.template_id, job_values(body))


async def _criteria(query: JobListQuery, workspace_id: UUID, deps: Dependencies) -> JobFilter:
    return replace(job_filter(query), creators=await creators(deps.database, workspace_id, query.creator))


def _as_csv(
    query: JobListQuery, criteria: JobFilter, workspace_id: UUID, deps: Dependencies
) -> StreamingResponse:
    headers = {"content-disposition": 'attachment; filename="jobs.csv"', "cache-control": "no-store"}
    lines = export_jobs(
        deps.database, workspace_id, criteria, sort=query.sort, descending=query.order == "desc")
    return StreamingResponse(lines, media_type="text/csv", headers=headers)
