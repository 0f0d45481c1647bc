"""Who is signed in, as what, and what the page offers them."""

from fastapi import APIRouter
from starlette.responses import Response

from services.dashboard.routes.settings.sections import section_page
from services.dashboard.visit import SignedIn

router = APIRouter()


@router.get("/settings")
def show_account(visit: SignedIn) -> Response:
    return section_page(visit, "settings/account.html", {}, kind=visit.session.kind)
