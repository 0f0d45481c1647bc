"""How the system feels, for everybody who uses it."""

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import AnyMember
from services.job_api.edge.responses import JsonResponse
from services.job_api.operations import presenter
from services.job_api.operations.schemas import SystemStatusView
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["status"])


@router.get("/status", response_model=SystemStatusView)
async def read_status(principal: AnyMember, deps: WithDependencies) -> JsonResponse:
    """Each part of the system, and what its trouble means for jobs."""
    return JsonResponse(presenter.status(await deps.system_status.read()))
