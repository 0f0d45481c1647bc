"""The workspace's queue."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Reader
from services.job_api.edge.responses import JsonResponse, page
from services.job_api.jobs import presenter
from services.job_api.jobs.application.places import read_queue
from services.job_api.jobs.schemas.queue import QueueList, QueueListQuery
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/queue", tags=["jobs"])


@router.get("", response_model=QueueList)
async def list_queue(
    query: Annotated[QueueListQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The jobs that wait for their turn, in order, and the limits that they wait for."""
    found = await read_queue(deps.database, principal.workspace_id, deps.jobs.queue_limits)
    shown = found.waiting[query.after :][: query.limit]
    seen = query.after + len(shown)
    more = str(seen) if seen < len(found.waiting) else None
    return JsonResponse(page([presenter.queued_job(row) for row in shown], more) | {
        "active_jobs": found.active, "limits": vars(deps.jobs.queue_limits)})
