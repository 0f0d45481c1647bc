"""Templates: the list with how they did, saving a job as one, sharing, deleting."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import Response

from brightrun.errors import ApiError
from services.dashboard.api import attempt
from services.dashboard.refusals import described
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter()
_PAGE = 50


@router.get("/templates")
def list_templates(visit: SignedIn) -> Response:
    return templates_page(visit)


def templates_page(visit: Visit, *, status: int = 200, problem: dict[str, Any] | None = None) -> Response:
    """With `problem`: what became of a form of this page."""
    query = visit.request.query_params
    state = {name: query[name].strip() for name in ("q", "after") if query.get(name, "").strip()}
    found = attempt(lambda: visit.client.templates(limit=_PAGE, **state).model_dump())
    if found.problem is not None and problem is None:
        problem = described(found.problem)
        status = problem["status"]
    return visit.page("templates.html", status=status, found=found, state=state, problem=problem)


@router.get("/jobs/{job_id}/template")
def ask_template(visit: SignedIn, job_id: UUID) -> Response:
    """What a template of this job would have."""
    return _save_page(visit, str(job_id), {})


@router.post("/jobs/{job_id}/template")
def save_template(visit: SignedIn, job_id: UUID, form: Form) -> Response:
    values = _values(form)
    try:
        visit.client.save_as_template(str(job_id), **values)
    except ApiError as error:
        if error.status in (401, 404):
            raise
        return _save_page(visit, str(job_id), values, status=error.status, problem=described(error))
    return visit.go("/templates", notice="template-saved")


def _values(form: FormData) -> dict[str, Any]:
    return {"name": text_of(form, "name"), "description": text_of(form, "description"),
            "visibility": "shared" if text_of(form, "shared") else "private",
            "with_file": bool(text_of(form, "with_file"))}


def _save_page(
    visit: Visit, job_id: str, values: dict[str, Any], *, status: int = 200, problem: dict[str, Any] | None = None
) -> Response:
    job = visit.client.job(job_id).model_dump()
    kept = {"name": job["name"], "description": job["description"], "visibility": "private", "with_file": False}
    return visit.page("template_save.html", status=status, problem=problem, job=job, values=kept | values)


@router.post("/templates/{template_id}/visibility")
def change_visibility(visit: SignedIn, template_id: UUID, form: Form) -> Response:
    wanted = "shared" if text_of(form, "visibility") == "shared" else "private"
    try:
        visit.client.edit_template(str(template_id), visibility=wanted)
    except ApiError as error:
        return _refused(visit, error)
    return visit.go("/templates", notice=f"template-{wanted}")


@router.post("/templates/{template_id}/delete")
def delete_template(visit: SignedIn, template_id: UUID, form: Form) -> Response:
    try:
        visit.client.delete_template(str(template_id))
    except ApiError as error:
        return _refused(visit, error)
    return visit.go("/templates", notice="template-deleted")


def _refused(visit: Visit, error: ApiError) -> Response:
    if error.status in (401, 404):
        raise error
    return templates_page(visit, status=error.status, problem=described(error))
