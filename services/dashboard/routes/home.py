"""`/`."""

from fastapi import APIRouter
from starlette.responses import Response

from services.dashboard.visit import SignedIn

router = APIRouter()


@router.get("/")
def read_home(visit: SignedIn) -> Response:
    """The jobs; where there is none yet, the way to the first one."""
    begins = "engineer" in visit.me["roles"] and not visit.client.jobs(limit=1, view="compact").data
    return visit.go("/first-run" if begins else "/jobs")
