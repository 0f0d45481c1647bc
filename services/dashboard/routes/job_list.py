"""Jobs: the table with its filters, the queue, the table as CSV, and what is done to several."""

import csv
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from brightrun.client import Client
from brightrun.errors import BrightrunError
from contracts.gpus import PricingTier
from contracts.job_status import JobStatus
from services.dashboard.api import attempt
from services.dashboard.refusals import described
from services.dashboard.visit import Form, SignedIn, Visit

router = APIRouter()
FILTERS = ("status", "preset", "tier", "creator", "tag", "client", "project", "created_after", "created_before",
           "min_cost", "max_cost", "q")
_OTHERS = ("sort", "order", "after")
COLUMNS = (("name", "Job"), ("status", "Status"), ("cost", "Cost"), ("duration", "Duration"), ("created_at", "Created"))
_CSV = ("id", "name", "status", "preset", "gpu_pricing_tier", "created_by_name", "created_at", "started_at",
        "completed_at", "duration_seconds", "cost_estimate", "actual_cost", "cost_is_final", "latest_loss", "tags")
_PAGE = 25
_CSV_PAGE, _CSV_MOST = 100, 50_000
_BULK = {"cancel": "cancel", "delete": "delete"}


def wanted(request: Request) -> dict[str, str]:
    """The view's state, as it stands in the address; a filter that is chosen several times is joined by commas."""
    found = {}
    for name in (*FILTERS, *_OTHERS):
        values = [value.strip() for value in request.query_params.getlist(name) if value.strip()]
        if values:
            found[name] = ",".join(values)
    return found


def page_of(client: Client, state: dict[str, str]) -> dict[str, Any]:
    """A page of rows that are small: without configuration, estimate and texts."""
    return client.jobs(limit=_PAGE, view="compact", **_query(state)).model_dump()


def _query(state: dict[str, str]) -> dict[str, str]:
    """As the API takes it: a day is its first moment."""
    return {name: f"{value}T00:00:00Z" if name.startswith("created_") and len(value) == 10 else value
            for name, value in state.items()}


@router.get("/jobs")
def list_jobs(visit: SignedIn) -> Response:
    """The whole page; for a change of the filters (htmx) the table alone."""
    state = wanted(visit.request)
    found = attempt(lambda: page_of(visit.client, state))
    if found.problem is not None and not found.is_away and not state:
        raise found.problem
    context = _context(visit, state) | {"found": found}
    if visit.request.headers.get("hx-target") == "jobs-table":
        return visit.page("jobs_table.html", **context)
    problem = described(found.problem) if found.problem else None
    return visit.page("jobs.html", status=problem["status"] if problem else 200, **context)


def _context(visit: Visit, state: dict[str, str]) -> dict[str, Any]:
    view = {name: value for name, value in state.items() if name != "after"}
    order = "desc" if state.get("order", "desc") == "desc" else "asc"

    def link(**changes: str) -> str:
        return f"/jobs?{urlencode({name: value for name, value in (view | changes).items() if value})}"

    known = visit.together(presets=visit.client.presets, filters=visit.client.job_filters)
    suggested: dict[str, Any] = known["filters"].value or {"tags": [], "clients": [], "projects": [], "creators": []}
    return {
        "state": state, "suggested": suggested, "link": link, "columns": COLUMNS, "order": order,
        "sort": state.get("sort", "created_at"),
        "statuses": [status.value for status in JobStatus], "tiers": [tier.value for tier in PricingTier],
        "presets": [preset["name"] for preset in known["presets"].needed()], "filtered": any(map(view.get, FILTERS)),
        "live": f"/jobs/live?{urlencode(state)}", "csv": f"/jobs.csv?{urlencode(view)}",
    }


@router.get("/jobs.csv")
def export_jobs(visit: SignedIn) -> Response:
    """Everything that the filters let through, as the table is sorted."""
    state = _query({name: value for name, value in wanted(visit.request).items() if name != "after"})
    first = visit.client.jobs(limit=_CSV_PAGE, view="compact", **state)
    name = {"content-disposition": 'attachment; filename="jobs.csv"'}
    return StreamingResponse(_csv(visit.client, state, first), media_type="text/csv; charset=utf-8", headers=name)


def _csv(client: Client, state: dict[str, str], page: Any) -> Iterator[str]:
    yield _line(_CSV)
    written = 0
    while True:
        for job in page.data:
            yield _line([_cell(job[name]) for name in _CSV])
        written += len(page.data)
        if not page.has_more or written >= _CSV_MOST:
            return
        page = client.jobs(limit=_CSV_PAGE, view="compact", after=page.next_cursor, **state)


def _cell(value: Any) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str | list) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


@router.post("/jobs/selected")
def act_on_selected(visit: SignedIn, form: Form) -> Response:
    """Compare, cancel or delete several; each answer of the API is told."""
    chosen = [value for value in form.getlist("job") if isinstance(value, str)][:100]
    action = str(form.get("action", ""))
    if action == "compare":
        return RedirectResponse(f"/compare?{urlencode([('job', job_id) for job_id in chosen])}", 303)
    done, refused = 0, []
    for job_id in chosen if action in _BULK else []:
        try:
            _act(visit.client, action, job_id)
            done += 1
        except BrightrunError as error:
            refused.append((job_id, described(error)))
    return visit.page("jobs_done.html", action=action, done=done, refused=refused)


def _act(client: Client, action: str, job_id: str) -> None:
    if action == "cancel":
        client.cancel(job_id, "cancelled with others on the page")
    else:
        client.delete_job(job_id)


@router.get("/queue")
def show_queue(visit: SignedIn, after: int = 0) -> Response:
    found = attempt(lambda: visit.client.queue(after=after).model_dump())
    problem = described(found.problem) if found.problem else None
    return visit.page("queue.html", status=problem["status"] if problem else 200, found=found)


