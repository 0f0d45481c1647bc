"""Parts of a job's page that are asked for by themselves: curves, pages of the log, the trainer's output, downloads."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, RedirectResponse, Response

from contracts.events.metrics import METRIC_NAMES
from services.dashboard.api import attempt
from services.dashboard.routes.job import EVENTS_SHOWN, LINES_SHOWN, latest_of
from services.dashboard.series import MOST_POINTS, aligned
from services.dashboard.visit import SignedIn

router = APIRouter(prefix="/jobs/{job_id}")
CHECKPOINTS_MARKED = 100
Step = Annotated[int | None, Query(ge=0, le=2**31 - 1)]


@router.get("/series")
def read_series(
    visit: SignedIn, job_id: UUID, metrics: str = "loss,validation_loss", from_step: Step = None, to_step: Step = None,
    max_points: Annotated[int, Query(ge=10, le=5_000)] = MOST_POINTS, marks: bool = False,
) -> Response:
    """For a chart, as JSON: the whole at first, then only what came behind `from_step`, or the part zoomed into.
    `marks`: with the steps of the newest checkpoints, as far as the log can be had."""
    names = [name for name in metrics.split(",") if name in (*METRIC_NAMES, "epoch")]
    client, about = visit.client, str(job_id)
    asked: dict[str, Callable[[], Any]] = {"points": lambda: client.metrics(
        about, names, from_step=from_step, to_step=to_step, max_points=max_points)}
    if marks:
        asked["saved"] = lambda: client.events(
            about, limit=CHECKPOINTS_MARKED, order="desc", type="checkpoint.saved").data
    found = visit.together(**asked)
    return JSONResponse(aligned(found["points"].needed(), found["saved"].value if marks else None))


@router.get("/latest")
def show_latest(visit: SignedIn, job_id: UUID) -> Response:
    """The card of the newest values, asked for anew while the job runs."""
    found = attempt(lambda: latest_of(visit.client, str(job_id)))
    return visit.page("job_latest.html", card={"latest": found})


@router.get("/events")
def list_events(
    visit: SignedIn, job_id: UUID, level: str = "", type: str = "", q: str = "",  # noqa: A002
    after: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Rows of the log that match, the newest first."""
    found = attempt(lambda: visit.client.events(
        str(job_id), limit=EVENTS_SHOWN, order="desc", level=level, type=type, q=q, after=after).model_dump())
    query = {"level": level, "type": type, "q": q}
    return visit.page("job_events.html", job_id=str(job_id), entries=found.value, away=found.problem, query=query)


@router.get("/events.{form}")
def export_events(visit: SignedIn, job_id: UUID, form: Literal["csv", "json"]) -> Response:
    """All of it as one file."""
    answer = visit.client.export_events(str(job_id), form)
    name = {"content-disposition": f'attachment; filename="job-{job_id}-events.{form}"'}
    return Response(answer, media_type="text/csv" if form == "csv" else "application/json", headers=name)


@router.get("/log")
def read_log(
    visit: SignedIn, job_id: UUID, level: str = "debug", search: str = "",
    before: Annotated[int | None, Query(ge=1)] = None, attempt_number: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Lines of the trainer's output: the last ones, or those ahead of `before`."""
    where = {"before": before, "limit": LINES_SHOWN} if before else {"tail": LINES_SHOWN}
    found = attempt(lambda: visit.client.log_lines(
        str(job_id), level=level, search=search, attempt=attempt_number, **where))
    return visit.page("job_log.html", job_id=str(job_id), log=found.value, away=found.problem, level=level,
                      search=search)


@router.get("/download/{kind}")
def download(
    visit: SignedIn, job_id: UUID, kind: Literal["adapters", "metrics"],
    format: str = "",  # noqa: A002
) -> Response:
    """To a signed address of the object store."""
    client = visit.client
    found = client.adapter_download(str(job_id), format or "safetensors") if kind == "adapters" else (
        client.metrics_download(str(job_id), format or "csv"))
    return RedirectResponse(found.url, 303)


@router.get("/error-log")
def download_error_log(visit: SignedIn, job_id: UUID) -> Response:
    """The ZIP for support."""
    name = {"content-disposition": f'attachment; filename="job-{job_id}-error-log.zip"'}
    return Response(visit.client.error_log(str(job_id)), media_type="application/zip", headers=name)
