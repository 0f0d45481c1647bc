"""A job's notes: written, put together after a conflict, and every text that they have had."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import Response

from brightrun.errors import ApiError
from services.dashboard.refusals import described
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/jobs/{job_id}/notes")
_PAGE = 20
_MEETING = {"title": "Somebody else saved another text",
            "fix": "Nothing is lost: put together below what is to stay, and save."}


@router.get("")
def show_history(visit: SignedIn, job_id: UUID) -> Response:
    """The newest first; a page of them from the cursor `after` on."""
    return history_page(visit, str(job_id))


def history_page(
    visit: Visit, job_id: str, *, status: int = 200, problem: dict[str, Any] | None = None
) -> Response:
    """With `problem`: what became of a form of this page."""
    client, after = visit.client, visit.request.query_params.get("after", "")
    found = visit.together(
        job=lambda: client.job(job_id).model_dump(),
        history=lambda: client.notes_history(job_id, _PAGE, after or None).model_dump())
    return visit.page("notes_history.html", status=status, problem=problem, job=found["job"].needed(),
                      found=found["history"])


@router.post("")
def save(visit: SignedIn, job_id: UUID, form: Form) -> Response:
    """An edit of the text that the page showed. Whatever is refused, what was written is there to go on with."""
    text = _written(form)
    try:
        visit.client.edit_job(str(job_id), notes=text, **_revision(form))
    except ApiError as error:
        if error.status in (401, 404):
            raise
        return _edit_page(visit, str(job_id), text, _revision(form), error)
    return visit.go(f"/jobs/{job_id}", notice="saved")


@router.post("/restore")
def restore(visit: SignedIn, job_id: UUID, form: Form) -> Response:
    """An earlier text becomes the newest one; those between stay in the history."""
    try:
        visit.client.edit_job(str(job_id), notes=_written(form), **_revision(form))
    except ApiError as error:
        if error.status in (401, 404):
            raise
        return history_page(visit, str(job_id), status=error.status, problem=described(error))
    return visit.go(f"/jobs/{job_id}", notice="restored")


def _edit_page(visit: Visit, job_id: str, text: str, revision: dict[str, int], error: ApiError) -> Response:
    """After a conflict with both texts, to be saved over the newer one."""
    other = (error.problem.model_extra or {}).get("notes") if error.code == "notes_conflict" else None
    kept = other["revision"] if other else revision.get("notes_revision", "")
    problem = described(error) | (_MEETING if other else {})
    return visit.page("notes_edit.html", status=error.status, problem=problem, text=text, other=other, revision=kept,
                      job=visit.client.job(job_id).model_dump())


def _written(form: FormData) -> str:
    """As it was typed: browsers send each line's end as two characters."""
    value = form.get("notes", "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def _revision(form: FormData) -> dict[str, int]:
    """What the text is an edit of; a form without it replaces whatever is there."""
    text = text_of(form, "notes_revision")
    return {"notes_revision": int(text)} if text.isdecimal() and len(text) < 10 else {}
