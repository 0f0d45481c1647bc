"""`/`."""

from fastapi import APIRouter
from starlette.responses import Response

from services.dashboard.visit import SignedIn

router = APIRouter()


@router.get("/")
def read_home(visit: SignedIn) -> Response:
    return visit.go("/jobs")
