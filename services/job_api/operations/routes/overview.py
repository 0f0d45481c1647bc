"""Everything at a glance, for whoever runs the installation."""

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Admin
from services.job_api.edge.responses import JsonResponse
from services.job_api.operations import overview_view
from services.job_api.operations.schemas import OperationsView
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["status"])


@router.get("/operations", response_model=OperationsView)
async def read_operations(principal: Admin, deps: WithDependencies) -> JsonResponse:
    """What is wrong (expected beside observed, the worst first), and where that was found: services with their
    consumers and outboxes, machines now rented and whose they are, dollars leaked, dead letters, queues; of the whole
    installation. A part whose service is away is `unknown`."""
    await deps.operators.require(principal.workspace_id)
    return JsonResponse(overview_view.overview(await deps.operations.overview(deps.clock.now())))
