"""What the job list can be filtered by."""

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Reader
from services.job_api.edge.responses import JsonResponse
from services.job_api.jobs.application.filters import read_filters
from services.job_api.jobs.schemas.filters import FiltersView
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/job-filters", tags=["jobs"])


@router.get("", response_model=FiltersView)
async def list_filters(principal: Reader, deps: WithDependencies) -> JsonResponse:
    """Tags, clients, projects and creators in use, the most used first: what a page suggests as one types."""
    found = await read_filters(deps.database, principal.workspace_id)
    creators = [{"created_by": subject, "created_by_name": name} for subject, name in found.creators]
    return JsonResponse({"object": "job_filters", "tags": found.tags, "clients": found.clients,
                         "projects": found.projects, "creators": creators})
