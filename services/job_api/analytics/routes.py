"""The workspace's jobs over time."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from services.job_api.analytics import presenter, repository
from services.job_api.analytics.application.analyse import analyse
from services.job_api.analytics.exports import groups_csv, jobs_csv
from services.job_api.analytics.schemas import AnalyticsQuery, AnalyticsView, InterruptionRates
from services.job_api.dependencies import WithDependencies
from services.job_api.diagnosis.repository import Period
from services.job_api.edge.auth import Reader
from services.job_api.edge.responses import JsonResponse
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["insight"])


@router.get("/analytics", response_model=AnalyticsView, responses={200: {"content": {"text/csv": {}}}})
async def read_analytics(
    query: Annotated[AnalyticsQuery, Query()], principal: Reader, deps: WithDependencies
) -> Response:
    """Jobs that ended in a time: success, cost and duration by preset and week, cost against quality, frequent errors
    and what fixed them, interruptions, what spot saved, each person's and client's share. With `format=csv` one of
    the tables."""
    workspace_id = principal.workspace_id
    period = Period(query.from_, query.to, tuple(query.preset), tuple(query.creator), tuple(query.client))
    headers = {"content-disposition": f'attachment; filename="{query.table}.csv"', "cache-control": "no-store"}
    if query.format == "csv" and query.table == "jobs":
        content = jobs_csv(deps.database, workspace_id, period)
        return StreamingResponse(content, media_type="text/csv", headers=headers)
    found = await analyse(deps.database, deps.rpc, workspace_id, period)
    if query.format == "csv":
        return Response(groups_csv(found, query.table), media_type="text/csv", headers=headers)
    return JsonResponse(presenter.analytics(found))


@router.get("/interruption-rates", response_model=InterruptionRates)
async def read_interruption_rates(principal: Reader, deps: WithDependencies) -> JsonResponse:
    """How many of the workspace's machines were lost so far, on each tier."""
    async with deps.database.read() as tx:
        found = await repository.tiers(tx, principal.workspace_id, Period())
    return JsonResponse(presenter.interruption_rates(found))
