"""What failed and how often, why one job failed, and everything about it as one file."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.job_api.dependencies import WithDependencies
from services.job_api.diagnosis import presenter
from services.job_api.diagnosis.application.evidence import collect
from services.job_api.diagnosis.application.statistics import error_statistics
from services.job_api.diagnosis.repository import Period
from services.job_api.diagnosis.schemas import FailureView, StatisticsQuery, StatisticsView
from services.job_api.edge.auth import Reader
from services.job_api.edge.responses import JsonResponse
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["errors"])


@router.get("/errors/stats", response_model=StatisticsView)
async def read_error_statistics(
    query: Annotated[StatisticsQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The workspace's failures: the most frequent, by preset, and how retries went with and without the suggestion."""
    period = Period(query.ended_after, query.ended_before, tuple(query.preset))
    found = await error_statistics(deps.database, principal.workspace_id, period)
    return JsonResponse(presenter.statistics(found, period))


@router.get("/jobs/{job_id}/error", response_model=FailureView)
async def read_error(job_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """Why the job failed, the trace of the failure, and the last 100 lines of its trainer."""
    found = await collect(deps.database, deps.rpc, principal.workspace_id, job_id)
    return JsonResponse(presenter.failure(found))


@router.get("/jobs/{job_id}/error-log", response_class=Response, responses={
    200: {"content": {"application/zip": {}}, "description": "A ZIP"}})
async def export_error_log(
    job_id: UUID, request: Request, principal: Reader, deps: WithDependencies
) -> Response:
    """Trace, events, configuration, versions, attempts and last output as one ZIP for support, without secrets."""
    found = await collect(deps.database, deps.rpc, principal.workspace_id, job_id)
    content = await asyncio.to_thread(presenter.error_log, found, request.app.version)
    name = f'attachment; filename="job-{job_id}-error-log.zip"'
    return Response(content, media_type="application/zip", headers={
        "content-disposition": name, "cache-control": "no-store"})
