"""Training files: the list with the upload, and one file with its check, preview and jobs."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from brightrun.errors import ApiError, BrightrunError, RefusedFile
from services.dashboard.api import attempt
from services.dashboard.file_view import distributions, findings, place
from services.dashboard.refusals import described
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/files")
_PAGE, _JOBS = 25, 20
# What the API takes, and a little for the form around it: more is not even received.
_LARGEST_UPLOAD = 210 * 1000 * 1000
_FILTERS = ("status", "q", "after")


def small_enough(request: Request) -> None:
    """Known from the length that the browser tells, before the form is read. Raises RefusedFile."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > _LARGEST_UPLOAD:
        raise RefusedFile("The file is larger than 200 MB.", "Split it into several files.")


@router.get("")
def list_files(visit: SignedIn) -> Response:
    return files_page(visit)


def files_page(visit: Visit, *, status: int = 200, problem: dict[str, Any] | None = None) -> Response:
    """With `problem`: what became of an upload."""
    query = visit.request.query_params
    state = {name: query[name].strip() for name in _FILTERS if query.get(name, "").strip()}
    found = attempt(lambda: visit.client.files(limit=_PAGE, **state).model_dump())
    if found.problem is not None and problem is None:
        problem = described(found.problem)
        status = problem["status"]
    return visit.page("files.html", status=status, found=found, state=state, problem=problem)


@router.post("")
def upload_file(
    visit: SignedIn, small: Annotated[None, Depends(small_enough)], form: Form
) -> Response:
    """To the file's page; a file that cannot be read at all is told beside the form."""
    try:
        made = send_file(visit, form)
    except BrightrunError as error:
        return _not_uploaded(visit, described(error))
    address = f"/files/{made}?notice=uploaded"
    if "hx-request" in visit.request.headers:
        return Response(headers={"hx-redirect": address})
    return visit.go(f"/files/{made}", notice="uploaded")


def send_file(visit: Visit, form: FormData) -> str:
    """The id of what the API made of the chosen file. Raises BrightrunError."""
    chosen = form.get("file")
    if not isinstance(chosen, UploadFile) or not chosen.filename:
        raise RefusedFile("No file was chosen.", "Choose a file of conversations first.")
    fields = {name: text_of(form, name) for name in ("name", "description")}
    return visit.client.upload_content(chosen.filename, chosen.file, **fields).id


def _not_uploaded(visit: Visit, problem: dict[str, Any]) -> Response:
    if "hx-request" in visit.request.headers:
        return visit.page("upload_refused.html", status=problem["status"], problem=problem)
    return files_page(visit, status=problem["status"], problem=problem)


@router.get("/{file_id}")
def show_file(
    visit: SignedIn, file_id: UUID,
    max_seq_length: Annotated[int | None, Query(ge=128, le=32_768)] = None,
    conversations: Annotated[int, Query(ge=1, le=10)] = 3,
) -> Response:
    return file_page(visit, str(file_id), max_seq_length=max_seq_length, conversations=conversations)


def file_page(
    visit: Visit, file_id: str, *, status: int = 200, problem: dict[str, Any] | None = None,
    max_seq_length: int | None = None, conversations: int = 3,
) -> Response:
    """With `problem`: what became of a form of this page."""
    client = visit.client
    preview = {"limit": conversations} | ({"max_seq_length": max_seq_length} if max_seq_length else {})
    found = visit.together(
        file=partial(client.file, file_id), preview=partial(client.preview, file_id, **preview),
        jobs=lambda: client.jobs(limit=_JOBS, view="compact", training_file_id=file_id).model_dump())
    file = found["file"].needed()
    return visit.page(
        "file.html", status=status, problem=problem, file=file, preview=found["preview"], jobs=found["jobs"],
        findings=findings(file["report"]), place=place, distributions=distributions(file["report"]),
        conversations=conversations)


@router.post("/{file_id}/accept")
def accept_warnings(visit: SignedIn, file_id: UUID, form: Form) -> Response:
    return _acted(visit, str(file_id), partial(visit.client.accept_warnings, str(file_id)), "accepted")


@router.post("/{file_id}/delete")
def delete_file(visit: SignedIn, file_id: UUID, form: Form) -> Response:
    return _acted(visit, str(file_id), partial(visit.client.delete_file, str(file_id)), "file-deleted", to="/files")


def _acted(visit: Visit, file_id: str, act: Any, notice: str, to: str = "") -> Response:
    try:
        act()
    except ApiError as error:
        if error.status in (401, 404):
            raise
        return file_page(visit, file_id, status=error.status, problem=described(error))
    return visit.go(to or f"/files/{file_id}", notice=notice)
