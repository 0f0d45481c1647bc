"""Two to four jobs beside each other: the page, its parts that move, and the PDF."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from brightrun.errors import ApiError
from services.dashboard.api import attempt
from services.dashboard.comparison import AXES, CURVES, Asked, address_ids, as_id, compared
from services.dashboard.pdf.comparison import document
from services.dashboard.pdf.typesetter import NotTypeset, TooBusy
from services.dashboard.refusals import described, page
from services.dashboard.visit import SignedIn, Visit

router = APIRouter()
FEWEST, MOST = 2, 4
_OFFERED = 25
# Of each curve in the PDF.
_POINTS = 300
_LOOK = ("smoothing", "log")


def asked_for(request: Request) -> Asked:
    """The view that the address names. What it does not say, or what there is not, is as at first."""
    query = request.query_params
    ids = address_ids(query.getlist("job"))
    baseline, axis, curve = (query.get(name, "").strip() for name in ("baseline", "axis", "curve"))
    look = {name: query[name] for name in _LOOK if _is_amount(query.get(name, ""))}
    return Asked(ids, baseline if baseline in ids else next(iter(ids), ""), axis if axis in AXES else "step",
                 curve if curve in CURVES else "loss", look)


def _is_amount(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


@router.get("/compare")
def compare_jobs(visit: SignedIn) -> Response:
    """With fewer than two jobs in the address, the choice of them; while one runs, the tables come again by htmx."""
    asked = asked_for(visit.request)
    if not FEWEST <= len(asked.ids) <= MOST:
        return _choice(visit, asked, _wrong_number(len(asked.ids)))
    found = attempt(lambda: visit.client.compare(asked.ordered))
    again = visit.request.headers.get("hx-target") == "comparison"
    if isinstance(found.problem, ApiError) and found.problem.status in (404, 422):
        return _choice(visit, asked, described(found.problem))
    if again and found.is_away:
        return Response(status_code=204)  # what is shown stays
    context: dict[str, Any] = {"asked": asked, "found": compared(asked, found.needed()), "axes": AXES, "curves": CURVES}
    return visit.page("compare_tables.html" if again else "compare.html", **context)


@router.get("/compare/choose")
def choose_jobs(visit: SignedIn) -> Response:
    """The jobs of the address, and others to choose."""
    return _choice(visit, asked_for(visit.request), None)


def _wrong_number(count: int) -> dict[str, Any] | None:
    """None: nothing wrong, somebody has yet to choose."""
    if count < FEWEST:
        return None
    return {"status": 422, "title": "Too many jobs", "message": f"{count} jobs are chosen, and at most {MOST} stand "
            "beside each other.", "fix": "Take some of them away below.", "code": "too_many_jobs"}


def _choice(visit: Visit, asked: Asked, problem: dict[str, Any] | None) -> Response:
    """The newest jobs, and those that the address names as far as they are there, to choose from."""
    client = visit.client
    found = visit.together(
        newest=lambda: client.jobs(limit=_OFFERED, view="compact").model_dump(),
        **{job_id: partial(_job, visit, job_id) for job_id in asked.ids[:_OFFERED] if as_id(job_id)})
    newest = found.pop("newest")
    named = [outcome.value for outcome in found.values() if outcome.value]
    chosen = [str(job["id"]) for job in named]
    others = [job for job in (newest.value or {"data": []})["data"] if str(job["id"]) not in chosen]
    return visit.page("compare_choice.html", status=problem["status"] if problem else 200, problem=problem,
                      newest=newest, jobs=[*named, *others], chosen=chosen, fewest=FEWEST, most=MOST)


def _job(visit: Visit, job_id: str) -> dict[str, Any]:
    return visit.client.job(job_id).model_dump()


@router.get("/compare.pdf")
def export_comparison(visit: SignedIn) -> Response:
    """The same view as a document."""
    asked = asked_for(visit.request)
    if not FEWEST <= len(asked.ids) <= MOST:
        return RedirectResponse(f"/compare?{urlencode([('job', job_id) for job_id in asked.ids])}", 303)
    found = compared(asked, visit.client.compare(asked.ordered))
    wanted = [*CURVES, "epoch"]
    series = visit.together(**{
        column.job["id"]: partial(visit.client.metrics, column.job["id"], wanted, max_points=_POINTS)
        for column in found.columns})
    link = visit.parts.address(visit.request, asked.address())
    data = document(found, series, asked.axis, link, visit.parts.clock.now())
    try:
        made = visit.parts.typesetter.pdf("comparison.typ", data)
    except TooBusy as error:
        return page(visit.request, 503, "Too many documents at once", str(error), "Try again in a moment.", "pdf_busy")
    except NotTypeset as error:
        return page(visit.request, 500, "The PDF could not be made", str(error), "Try again.", "pdf_not_made")
    name = {"content-disposition": 'attachment; filename="comparison.pdf"'}
    return Response(made, media_type="application/pdf", headers=name)
