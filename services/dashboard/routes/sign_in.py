"""Sign-in with an API key or at the identity provider, and its end."""

import secrets
from contextlib import suppress
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from brightrun import sign_in as oidc
from brightrun.errors import ApiError, BrightrunError
from services.dashboard.session import Session
from services.dashboard.sign_in_check import OidcOffer
from services.dashboard.visit import AnyVisit, Form, Visit, text_of

router = APIRouter()
_offer = OidcOffer()
DONE = "/sign-in/done"


@router.get("/sign-in")
def show_sign_in(request: Request, visit: AnyVisit, next: str = "/", ended: str = "") -> Response:  # noqa: A002
    reason = "Your key or session is not valid any more. Sign in again." if ended else ""
    return _page(visit, next, reason)


@router.post("/sign-in")
def sign_in_with_key(visit: AnyVisit, form: Form) -> Response:
    key, wanted = text_of(form, "api_key"), text_of(form, "next")
    if not key or len(key) > 2_000 or not key.isascii() or not key.isprintable():
        return _page(visit, wanted, "Enter an API key.", 422)
    try:
        visit.parts.api.client(key).me()
    except ApiError as error:
        words = "The API does not know this key." if error.status == 401 else str(error)
        return _page(visit, wanted, words, error.status)
    return _enter(visit, Session(credential=key, kind="api_key"), wanted)


@router.get("/sign-in/oidc")
def begin_oidc(visit: AnyVisit, next: str = "/", invited: bool = False) -> Response:  # noqa: A002
    """A link, not a form: browsers follow no redirect of a form to another origin (form-action 'self'). `invited`: with
    the invitation that this session has opened."""
    invitation = visit.session.pending.get("invitation", "") if invited else ""
    begun = oidc.begin(visit.parts.settings.api_address, visit.parts.address(visit.request, DONE),
                       invitation=invitation)
    pending = {"verifier": begun.verifier, "state": begun.state, "next": _local(next)}
    response = RedirectResponse(begun.address, 303)
    visit.parts.sessions.write(response, replace(visit.session, pending=pending), secure=_secure(visit))
    return response


@router.get(DONE)
def finish_oidc(
    visit: AnyVisit, code: str = "", state: str = "", error: str = "", error_description: str = ""
) -> Response:
    """The identity provider sent the browser back, by way of the API."""
    pending = visit.session.pending
    if "state" not in pending or not secrets.compare_digest(pending["state"].encode(), state.encode()):
        return _page(visit, "/", "This sign-in did not begin in this browser. Begin it again.", 400)
    if error or not code:
        return _page(visit, pending["next"], error_description or "The sign-in failed.", 403)
    begun = oidc.Pending(visit.parts.settings.api_url, "", pending["verifier"], pending["state"])
    try:
        opened = oidc.redeem(begun, code)
    except BrightrunError as refused:
        return _page(visit, pending["next"], str(refused), 403)
    return _enter(visit, Session(credential=opened["token"], kind="session"), pending["next"])


@router.post("/sign-out")
def sign_out(visit: AnyVisit, form: Form) -> Response:
    if visit.session.kind == "session":
        with suppress(BrightrunError):  # what cannot be ended there ends by itself; here it ends in any case
            visit.client.sign_out()
    response = visit.go("/sign-in", notice="signed-out")
    visit.parts.sessions.forget(response, secure=_secure(visit))
    return response


def _page(visit: Visit, wanted: str, problem: str = "", status: int = 200) -> Response:
    """With a session to hold the form's token; a credential that is there stays."""
    address = visit.parts.address(visit.request, DONE)
    offered = _offer.is_there(visit.parts.settings.api_url, address)
    response = visit.page("sign_in.html", status=status, next=_local(wanted), refusal=problem, oidc=offered)
    visit.parts.sessions.write(response, visit.session, secure=_secure(visit))
    return response


def _enter(visit: Visit, session: Session, wanted: str) -> Response:
    """A new session in any case: one that somebody else put there is worth nothing afterwards."""
    response = visit.go(_local(wanted))
    visit.parts.sessions.write(response, session, secure=_secure(visit))
    return response


def _secure(visit: Visit) -> bool:
    return visit.parts.secure(visit.request)


def _local(path: str) -> str:
    """A path of ours, whatever the address said."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain and not path.startswith("/sign-in") else "/"
