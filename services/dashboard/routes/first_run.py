"""The way to a first job: a file, its check, a short test run."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from starlette.responses import Response

from brightrun.errors import ApiError, BrightrunError, RefusedFile
from services.dashboard.api import Outcome
from services.dashboard.file_view import findings
from services.dashboard.refusals import described
from services.dashboard.routes.files import send_file, small_enough
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/first-run")


@router.get("")
def show_first_run(visit: SignedIn, file: UUID | None = None) -> Response:
    return first_run_page(visit, str(file) if file else "")


def first_run_page(
    visit: Visit, file_id: str, *, status: int = 200, problem: dict[str, Any] | None = None
) -> Response:
    """What comes next of the three steps; `file_id`: the first is done."""
    client = visit.client
    quick = quick_test(visit)
    asked: dict[str, Outcome] = {"file": Outcome(), "estimate": Outcome()}
    if file_id:
        asked["file"] = visit.together(file=lambda: client.file(file_id))["file"]
        file = asked["file"].needed()
        if file["can_train"] and quick.value:
            asked |= visit.together(estimate=lambda: client.estimate(file_id, template_id=quick.value["id"]))
    found = findings(asked["file"].value["report"]) if file_id else []
    return visit.page("first_run.html", status=status, problem=problem, quick=quick, findings=found,
                      has_sample=visit.parts.settings.sample_file.is_file(), request_id=str(uuid4()),
                      upload_to="/first-run/upload", **asked)


def quick_test(visit: Visit) -> Outcome:
    """The shortest of the templates that come with the product."""
    found = visit.together(quick=lambda: visit.client.templates(visibility="built_in").data)["quick"]
    if found.problem or not found.value:
        return Outcome(problem=found.problem)
    return Outcome(min(found.value, key=lambda each: int(each["max_duration_s"])))


@router.post("/upload", dependencies=[Depends(small_enough)])
def upload(visit: SignedIn, form: Form) -> Response:
    try:
        made = send_file(visit, form)
    except BrightrunError as error:
        return _not_uploaded(visit, error)
    if "hx-request" in visit.request.headers:
        return Response(headers={"hx-redirect": f"/first-run?file={made}"})
    return visit.go("/first-run", file=made)


@router.post("/sample")
def take_sample(visit: SignedIn, form: Form) -> Response:
    """The sample that comes with the product goes the way of every file."""
    try:
        made = _send_sample(visit, visit.parts.settings.sample_file)
    except BrightrunError as error:
        return _not_uploaded(visit, error)
    return visit.go("/first-run", file=made)


def _send_sample(visit: Visit, sample: Path) -> str:
    if not sample.is_file():
        raise RefusedFile("This installation has no sample.", "Upload a file of your own.")
    with sample.open("rb") as content:
        made = visit.client.upload_content(sample.name, content, description="The sample that comes with the product")
    return made.id


def _not_uploaded(visit: Visit, error: BrightrunError) -> Response:
    problem = described(error)
    if "hx-request" in visit.request.headers:
        return visit.page("upload_refused.html", status=problem["status"], problem=problem)
    return first_run_page(visit, "", status=problem["status"], problem=problem)


@router.post("/start")
def start(visit: SignedIn, form: Form) -> Response:
    """The quick test with the file. The same form sent again makes no second job."""
    file_id, template_id = text_of(form, "file"), text_of(form, "template_id")
    body = {"training_file_id": file_id, "template_id": template_id, "start": True}
    try:
        job = visit.client.create_exactly(body, text_of(form, "request_id") or str(uuid4()))
    except ApiError as error:
        if error.status in (401, 404, 422):
            raise
        return first_run_page(visit, file_id, status=error.status, problem=described(error))
    return visit.go(f"/jobs/{job.id}", notice="started")
