"""What the link of an invitation opens. Its secret stands behind the `#`, which browsers send to nobody."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from brightrun.errors import BrightrunError
from services.dashboard.refusals import described
from services.dashboard.session import Session
from services.dashboard.visit import AnyVisit, Form, Visit, text_of

router = APIRouter(prefix="/invitation")
_LONGEST = 200


@router.get("")
def show_invitation(visit: AnyVisit) -> Response:
    """A script takes the secret from the address; without one it can be pasted."""
    return _page(visit, visit.session)


@router.post("")
def open_invitation(visit: AnyVisit, form: Form) -> Response:
    """What it lets into. The session keeps the secret, for the way to the identity provider and back."""
    secret = _secret(form.get("secret", ""))
    try:
        shown = visit.client.preview_invitation(secret)
    except BrightrunError as error:
        problem = described(error)
        return _page(visit, visit.session, status=problem["status"], problem=problem)
    return _page(visit, replace(visit.session, pending={"invitation": secret}), shown=shown, secret=secret)


@router.post("/accept")
def accept_invitation(visit: AnyVisit, form: Form) -> Response:
    """A first API key, shown this once; who accepted is signed in with it."""
    secret, email = _secret(form.get("secret", "")), text_of(form, "email")
    try:
        made = visit.client.accept_invitation(secret, email, text_of(form, "key_name"))
    except BrightrunError as error:
        return _refused(visit, secret, email, error)
    return _page(visit, Session(credential=made.key or "", kind="api_key"), made=made)


def _refused(visit: Visit, secret: str, email: str, error: BrightrunError) -> Response:
    """Beside the form, if the invitation lets somebody in yet."""
    problem = described(error)
    try:
        shown = visit.client.preview_invitation(secret)
    except BrightrunError:
        shown = None
    return _page(visit, visit.session, shown=shown, secret=secret, email=email, status=problem["status"],
                 problem=problem)


def _page(visit: Visit, session: Session, *, status: int = 200, **context: object) -> Response:
    """With a session that holds the form's token."""
    known = {"shown": None, "made": None, "secret": "", "email": ""} | context
    response = visit.page("invitation.html", status=status, **known)
    visit.parts.sessions.write(response, session, secure=visit.parts.secure(visit.request))
    return response


def _secret(value: object) -> str:
    """As it was pasted: the code, or the whole link."""
    return str(value).strip().rpartition("#")[2][:_LONGEST]
