"""Jobs beside each other."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.job_api.comparisons import presenter
from services.job_api.comparisons.application.compare import compare
from services.job_api.comparisons.schemas import ComparisonQuery, ComparisonView
from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Reader
from services.job_api.edge.responses import JsonResponse
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["insight"])


@router.get("/comparisons", response_model=ComparisonView, responses={404: {"description": "One of the jobs"}})
async def compare_jobs(
    query: Annotated[ComparisonQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """Two to four jobs side by side: what each came to, the best of each row, what was told them differently, and a
    recommendation with its reason. With `max_points` also their loss curves."""
    found = await compare(deps.database, deps.rpc, principal.workspace_id, query.job, query.max_points)
    return JsonResponse(presenter.comparison(found, with_curves=query.max_points is not None))
