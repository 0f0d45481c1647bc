"""What happened to a job: its log by pages, as an export, and live."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from contracts.job_status import TERMINAL, JobStatus
from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import READERS, Authenticator, Reader
from services.job_api.edge.responses import JsonResponse, page
from services.job_api.jobs import presenter
from services.job_api.jobs.application.people import notes_with_names, page_of_events
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.exports import export_csv, export_json
from services.job_api.jobs.repository import jobs, notes
from services.job_api.jobs.repository.events import EventFilter
from services.job_api.jobs.schemas.history import (
    EventList,
    EventListQuery,
    ExportedEvents,
    NotesHistory,
    NotesHistoryQuery,
)
from services.job_api.jobs.streaming import EventStreamResponse
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/jobs/{{job_id}}", tags=["history"])


@router.get("/events", response_model=EventList | ExportedEvents, responses={200: {"content": {"text/csv": {}}}})
async def list_events(
    job_id: UUID, query: Annotated[EventListQuery, Query()], principal: Reader, deps: WithDependencies
) -> Response:
    """The job's log, 50 entries a page; with `format` everything that matches as one JSON or CSV file."""
    criteria = EventFilter(types=query.type, levels=query.level, text=query.q)
    async with deps.database.read() as tx:
        if await jobs.find(tx, principal.workspace_id, job_id) is None:
            raise JobNotFound(job_id)
        if query.format:
            return _export(deps, job_id, criteria, query.format)
        rows = await page_of_events(tx, job_id, criteria, limit=query.limit + 1, after=query.after,
                                    descending=query.order == "desc")
    shown = rows[: query.limit]
    more = shown[-1]["seq"] if len(rows) > query.limit else None
    return JsonResponse(page([presenter.event(row) for row in shown], more))


@router.get("/notes/history", response_model=NotesHistory)
async def list_notes(
    job_id: UUID, query: Annotated[NotesHistoryQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """Every text that the job's notes have had, with who wrote it and when; the newest first."""
    async with deps.database.read() as tx:
        if await jobs.find(tx, principal.workspace_id, job_id) is None:
            raise JobNotFound(job_id)
        rows = await notes.page(tx, principal.workspace_id, job_id, limit=query.limit + 1, before=query.after)
        shown = await notes_with_names(tx, principal.workspace_id, rows[: query.limit])
    more = shown[-1]["revision"] if len(rows) > query.limit else None
    return JsonResponse(page([presenter.notes(row) for row in shown], more))


@router.get("/stream", response_class=StreamingResponse, responses={
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"},
    204: {"description": "The job has ended and everything was seen: do not reconnect"},
    429: {"description": "The caller or the workspace has too many streams open"}})
async def stream_events(
    job_id: UUID, request: Request, principal: Reader, deps: WithDependencies,
    last_event_id: Annotated[str | None, Header()] = None, after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    """The log live. Resumes after `Last-Event-ID`; ends after the job has ended."""
    async with deps.database.read() as tx:
        row = await jobs.view(tx, principal.workspace_id, job_id)
    if row is None:
        raise JobNotFound(job_id)
    seen = int(last_event_id) if last_event_id and last_event_id.isdecimal() and len(last_event_id) < 19 else after
    if last_event_id and JobStatus(row["status"]) in TERMINAL and seen >= row["event_seq"]:
        return Response(status_code=204)
    authenticator: Authenticator = request.app.state.authenticator
    messages = deps.stream.of(
        principal.workspace_id, job_id, seen, partial(authenticator.still_allows, request, *READERS))
    return EventStreamResponse(messages, deps.stream_slots.slot(principal.workspace_id, principal.credential))


def _export(deps: Dependencies, job_id: UUID, criteria: EventFilter, form: str) -> StreamingResponse:
    name = {"content-disposition": f'attachment; filename="job-{job_id}-events.{form}"', "cache-control": "no-store"}
    if form == "csv":
        return StreamingResponse(export_csv(deps.database, job_id, criteria), media_type="text/csv", headers=name)
    return StreamingResponse(export_json(deps.database, job_id, criteria), media_type="application/json", headers=name)
