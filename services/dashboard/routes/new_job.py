"""A new job: the form, the estimate that follows it, the review, and the start."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.responses import Response

from brightrun.client import Client
from brightrun.errors import ApiError, BrightrunError
from services.dashboard.api import Outcome
from services.dashboard.new_job import (
    Values,
    WrongValue,
    changes,
    estimate_query,
    from_job,
    from_template,
    is_id,
    job_body,
    tags,
    values_of,
)
from services.dashboard.refusals import described
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/new-job")
_FILES = 100


@dataclass(frozen=True)
class Known:
    """What the API says about choices, whatever was chosen."""

    presets: list[dict[str, Any]]
    guides: list[dict[str, Any]]


def known(client: Client) -> Known:
    return Known(client.presets(), client.hyperparameters())


@router.get("")
def new_job(visit: SignedIn) -> Response:
    """The address may say values, a template or another job to begin with."""
    query, found = visit.request.query_params, known(visit.client)
    return form_page(visit, found, values_of([*_begin_with(visit.client, query), *query.multi_items()], found.guides))


def _begin_with(client: Client, query: Any) -> Iterable[tuple[str, str]]:
    template_id, job_id = query.get("template_id", ""), query.get("from_job", "")
    if is_id(template_id):
        return from_template(client.template(template_id))
    if is_id(job_id):
        return from_job(client.job(job_id).model_dump())
    return ()


@router.post("")
def change_it(visit: SignedIn, form: Form) -> Response:
    """Back from the review, with everything that was written."""
    found = known(visit.client)
    return form_page(visit, found, values_of(form.multi_items(), found.guides))


def form_page(
    visit: Visit, found: Known, values: Values, *, status: int = 200, problem: dict[str, Any] | None = None
) -> Response:
    client = visit.client
    asked = visit.together(files=lambda: client.files(limit=_FILES, status="ready").data, filters=client.job_filters,
                           interruptions=client.interruption_rates)
    shown = estimate_part(visit, found, values)
    return visit.page("new_job.html", status=status, problem=problem, files=asked["files"], values=values,
                      suggested=asked["filters"].value or {}, interruptions=asked["interruptions"],
                      presets=found.presets, guides=found.guides, **shown)


@router.get("/estimate")
def show_estimate(visit: SignedIn) -> Response:
    """The part of the form that follows what one types."""
    found = known(visit.client)
    values = values_of(visit.request.query_params.multi_items(), found.guides)
    return visit.page("new_job_estimate.html", **estimate_part(visit, found, values))


def estimate_part(visit: Visit, found: Known, values: Values) -> dict[str, Any]:
    """File and estimate; without a file neither, and a value that cannot be is told in their place."""
    file_id = values["training_file_id"]
    if not file_id:
        return {"file": Outcome(), "estimate": Outcome(), "wrong": ""}
    try:
        query = estimate_query(values, found.guides)
    except WrongValue as error:
        return {"file": Outcome(), "estimate": Outcome(), "wrong": str(error)}
    asked = visit.together(file=lambda: visit.client.file(file_id),
                           estimate=lambda: visit.client.estimate(file_id, **query))
    return asked | {"wrong": _wrong(asked["estimate"])}


def _wrong(estimate: Outcome) -> str:
    """What is to be changed, where it is not the service that is away."""
    if estimate.problem is None or estimate.is_away:
        return ""
    return f"{estimate.problem} {estimate.problem.fix}".strip()


@router.post("/review")
def review(visit: SignedIn, form: Form) -> Response:
    """Everything on one screen; nothing is made yet."""
    found = known(visit.client)
    return review_page(visit, found, values_of(form.multi_items(), found.guides))


def review_page(
    visit: Visit, found: Known, values: Values, *, status: int = 200, problem: dict[str, Any] | None = None,
    request_id: str = "",
) -> Response:
    """What cannot be estimated goes back to the form."""
    shown = estimate_part(visit, found, values)
    if not values["training_file_id"] or shown["wrong"]:
        wrong = {"title": "Not yet", "message": shown["wrong"] or "No training file was chosen.",
                 "fix": "", "code": ""}
        return form_page(visit, found, values, status=422, problem=problem or wrong)
    estimate, file = shown["estimate"].needed(), shown["file"].needed()
    source = visit.client.job(values["from_job"]).model_dump() if values["from_job"] else None
    return visit.page(
        "new_job_review.html", status=status, problem=problem, values=values, tags=tags(values), file=file,
        estimate=estimate, guides=found.guides, source=source, request_id=request_id or str(uuid4()),
        changes=changes(source, estimate) if source else [],
        must_confirm=any(warning["needs_confirmation"] for warning in estimate["warnings"]))


@router.post("/start")
def start(visit: SignedIn, form: Form) -> Response:
    """Makes and starts it. The same form sent again makes no second one."""
    client, found = visit.client, known(visit.client)
    values, request_id = values_of(form.multi_items(), found.guides), text_of(form, "request_id") or str(uuid4())
    try:
        if text_of(form, "confirmed") != "yes" and _needs_confirmation(client, found, values):
            problem = {"title": "Say yes first", "message": "The job costs so much that it needs your confirmation.",
                       "fix": "Tick the box and start it again.", "code": "not_confirmed"}
            return review_page(visit, found, values, status=422, problem=problem, request_id=request_id)
        job = client.create_exactly(_body(client, found, values), request_id)
    except WrongValue as error:
        wrong = {"title": "Not yet", "message": str(error), "fix": "", "code": ""}
        return form_page(visit, found, values, status=422, problem=wrong)
    except ApiError as error:
        return _refused(visit, found, values, error)
    return visit.go(f"/jobs/{job.id}", notice="started")


def _needs_confirmation(client: Client, found: Known, values: Values) -> bool:
    estimate = client.estimate(values["training_file_id"], **estimate_query(values, found.guides))
    return any(warning["needs_confirmation"] for warning in estimate["warnings"])


def _body(client: Client, found: Known, values: Values) -> dict[str, Any]:
    template = client.template(values["template_id"]) if values["template_id"] else None
    unknown: dict[str, Any] = {"hyperparameters": {}}
    preset = next((each for each in found.presets if each["name"] == values["preset"]), unknown)
    return job_body(values, found.guides, preset, template)


def _refused(visit: Visit, found: Known, values: Values, error: ApiError) -> Response:
    """The form with all that was written, and what the API said."""
    if error.status == 401:
        raise error
    try:
        return form_page(visit, found, values, status=error.status, problem=described(error))
    except BrightrunError:
        raise error from None
