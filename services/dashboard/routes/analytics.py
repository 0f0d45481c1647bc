"""History and analytics: what the ended jobs came to, by time, preset, client and person; each table as CSV."""

from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.dashboard.refusals import described
from services.dashboard.trends import asked, curves, periods, wanted
from services.dashboard.visit import SignedIn, Visit

router = APIRouter()


@router.get("/analytics")
def show_analytics(visit: SignedIn) -> Response:
    state = wanted(visit.request.query_params)
    client = visit.client
    found = visit.together(analytics=lambda: client.analytics(**asked(state)), presets=client.presets,
                           filters=client.job_filters)
    analytics = found["analytics"]
    problem = described(analytics.problem) if analytics.problem else None
    return visit.page(
        "analytics.html", status=problem["status"] if problem else 200, problem=problem, state=state,
        found=analytics, suggested=found["filters"].value or {"clients": [], "creators": []},
        presets=[preset["name"] for preset in found["presets"].value or []],
        curves=curves(analytics.value["weeks"]) if analytics.value else [], **_addresses(visit, state))


def _addresses(visit: Visit, state: dict[str, str]) -> dict[str, Any]:
    def link(**changes: str) -> str:
        query = urlencode({name: value for name, value in (state | changes).items() if value})
        return f"/analytics?{query}" if query else "/analytics"

    def csv(table: str) -> str:
        query = urlencode(state)
        return f"/analytics/{table}.csv?{query}" if query else f"/analytics/{table}.csv"

    shown = [(words, link(**{"from": day, "to": ""}), state.get("from") == day and "to" not in state)
             for words, day in periods(visit.parts.clock.now())]
    everything = ("All time", link(**{"from": "", "to": ""}), not {"from", "to"} & state.keys())
    return {"link": link, "csv": csv, "periods": [*shown, everything]}


@router.get("/analytics/{table}.csv")
def export_table(
    visit: SignedIn, table: Literal["weeks", "presets", "people", "clients", "errors", "jobs"]
) -> Response:
    """With the filters of the page."""
    text = visit.client.analytics_csv(table, **asked(wanted(visit.request.query_params)))
    name = {"content-disposition": f'attachment; filename="{table}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=name)
