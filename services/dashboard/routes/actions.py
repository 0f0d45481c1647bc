"""What is done to a job: each is a form of its page, offered where `allowed_actions` names it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightrun.client import Client
from brightrun.errors import ApiError
from services.dashboard.refusals import described
from services.dashboard.routes.job import job_page
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/jobs/{job_id}")
Action = Callable[[Client, str, FormData], Any]

# The form's name -> what it asks the API, and the notice afterwards.
ACTIONS: dict[str, tuple[Action, str]] = {
    "start": (lambda client, job_id, form: client.start(job_id), "started"),
    "cancel": (lambda client, job_id, form: client.cancel(job_id, text_of(form, "reason")), "cancelled"),
    "pause": (lambda client, job_id, form: client.pause(job_id, text_of(form, "reason")), "paused"),
    "resume": (lambda client, job_id, form: client.resume(job_id, text_of(form, "tier") or None), "resumed"),
    "promote": (lambda client, job_id, form: client.promote(job_id), "promoted"),
    "switch_tier": (lambda client, job_id, form: client.change_tier(
        job_id, text_of(form, "tier"), text_of(form, "reason")), "tier"),
    "describe": (lambda client, job_id, form: client.edit_job(job_id, **_described(form)), "saved"),
}
# Those that make another job, whose page comes next.
MAKES_A_JOB: dict[str, tuple[Action, str]] = {
    "continue": (lambda client, job_id, form: client.continue_job(job_id), "continued"),
    "retry": (lambda client, job_id, form: client.confirm_retry(
        job_id, apply_adjustments=text_of(form, "apply_adjustments") == "yes"), "retried"),
}


@router.get("/retry")
def propose_retry(visit: SignedIn, job_id: UUID, apply: bool = True) -> Response:
    """What a retry would change, before anything is made."""
    proposal = visit.client.propose_retry(str(job_id), apply_adjustments=apply)
    return visit.page("retry.html", proposal=proposal, job_id=str(job_id), apply=apply)


@router.post("/delete")
def delete_job(visit: SignedIn, job_id: UUID, form: Form) -> Response:
    try:
        visit.client.delete_job(str(job_id))
    except ApiError as error:
        return _refused(visit, str(job_id), error)
    return visit.go("/jobs", notice="deleted")


@router.post("/{action}")
def act(visit: SignedIn, job_id: UUID, action: str, form: Form) -> Response:
    found = ACTIONS.get(action) or MAKES_A_JOB.get(action)
    if found is None:
        raise HTTPException(404)
    run, notice = found
    try:
        made = run(visit.client, str(job_id), form)
    except ApiError as error:
        return _refused(visit, str(job_id), error)
    return visit.go(f"/jobs/{made.id if action in MAKES_A_JOB else job_id}", notice=notice)


def _refused(visit: Visit, job_id: str, error: ApiError) -> Response:
    """The job's page with what the API said; one that is not there, or not ours, is an error page."""
    if error.status in (401, 404):
        raise error
    problem = described(error)
    return job_page(visit, job_id, status=error.status, problem=problem)


def _described(form: FormData) -> dict[str, Any]:
    """Only what the form has changes."""
    found: dict[str, Any] = {
        name: text_of(form, name) for name in ("name", "description", "client", "project", "tags") if name in form}
    if "tags" in found:
        found["tags"] = [tag.strip() for tag in found["tags"].split(",") if tag.strip()]
    return found
