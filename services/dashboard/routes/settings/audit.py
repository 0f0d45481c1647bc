"""Who did what: the audit log by pages, filtered by its address, and as one file."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.dashboard.api import attempt
from services.dashboard.routes.settings.sections import is_operator, section_page
from services.dashboard.visit import SignedIn, Visit

router = APIRouter(prefix="/settings")
OUTCOMES = ("succeeded", "denied", "refused", "failed")
_TEXTS = ("operation", "outcome", "actor", "credential", "target_id", "address", "scope")
_DAYS = {"since": "at_or_after", "until": "before"}
_PAGE = 50


@router.get("/audit")
def list_entries(visit: SignedIn) -> Response:
    state = _state(visit)
    after = visit.request.query_params.get("after") or None
    found = attempt(lambda: visit.client.audit(_PAGE, after=after, **_filters(state)).model_dump())

    def link(**changes: str) -> str:
        wanted = {name: value for name, value in (state | changes).items() if value}
        return f"/settings/audit?{urlencode(wanted)}"

    return section_page(visit, "settings/audit.html", {"found": found}, state=state, link=link, outcomes=OUTCOMES,
                        may_see_all=is_operator(visit), csv=f"/settings/audit.csv?{urlencode(state)}",
                        later=bool(after))


@router.get("/audit.csv")
def export_entries(visit: SignedIn) -> Response:
    """Everything that the filters let through."""
    name = {"content-disposition": 'attachment; filename="audit.csv"'}
    return Response(visit.client.audit_csv(**_filters(_state(visit))), media_type="text/csv; charset=utf-8",
                    headers=name)


def _state(visit: Visit) -> dict[str, str]:
    """The filters, as they stand in the address."""
    query = visit.request.query_params
    return {name: query[name].strip() for name in (*_TEXTS, *_DAYS) if query.get(name, "").strip()}


def _filters(state: dict[str, str]) -> dict[str, str]:
    """As the API takes them: a day begins at midnight UTC."""
    days = {wanted: f"{state[name]}T00:00:00Z" for name, wanted in _DAYS.items() if name in state}
    return {name: value for name, value in state.items() if name in _TEXTS} | days
