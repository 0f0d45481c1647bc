"""One request of a browser: who it is, the API with that person's key, and the page that answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match

from brightrun.client import Client
from brightrun.errors import ApiError
from chassis.clock import Clock
from services.dashboard.api import Api, Outcome
from services.dashboard.navigation import menu
from services.dashboard.pdf.typesetter import Typesetter
from services.dashboard.rendering import Templates
from services.dashboard.session import Session, Sessions
from services.dashboard.settings import Settings


@dataclass(frozen=True)
class Parts:
    """What all requests share; `app.state.parts`."""

    settings: Settings
    api: Api
    sessions: Sessions
    templates: Templates
    clock: Clock
    typesetter: Typesetter

    def secure(self, request: Request) -> bool:
        return (self.settings.public_url or str(request.url)).startswith("https:")

    def address(self, request: Request, path: str) -> str:
        """A page of ours, as people reach it."""
        return (self.settings.public_url or str(request.base_url)).rstrip("/") + path


class SignInNeeded(Exception):
    """Nobody is signed in, or not any more. `reason`: said on the page of the sign-in."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class FormRefused(Exception):
    """A form without the token of this session."""


@dataclass
class Visit:
    request: Request
    parts: Parts
    session: Session
    me: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.parts.api.client(self.session.credential)

    def together(self, **calls: Callable[[], Any]) -> dict[str, Outcome]:
        return self.parts.api.together(**calls)

    def page(self, template: str, /, *, status: int = 200, **context: Any) -> Response:
        return HTMLResponse(self.text(template, **context), status)

    def text(self, template: str, /, **context: Any) -> str:
        """A page or a part of one."""
        return self.parts.templates.render(template, **(self._shared() | context))

    def go(self, path: str, **query: str) -> Response:
        """After a form: another page, by GET."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)

    def has_page(self, path: str) -> bool:
        """Whether a link there leads anywhere: parts of other pages are offered where those are."""
        scope = {"type": "http", "path": path, "method": "GET", "headers": []}
        return any(route.matches(scope)[0] is Match.FULL for route in self.request.app.routes)

    def may(self, *roles: str) -> bool:
        """Whether something is offered to whoever came; the API decides whether it is allowed."""
        return not {*roles, "admin"}.isdisjoint(self.me.get("roles", ()))

    def _shared(self) -> dict[str, Any]:
        return {
            "me": self.me, "menu": menu(self.me) if self.me else [], "path": self.request.url.path,
            "form_token": lambda: self.parts.sessions.form_token(self.session),
            "has_page": self.has_page, "may": self.may, "problem": None,
            "notice": NOTICES.get(self.request.query_params.get("notice", ""), ""),
        }


# What a page says after a form was sent; the address names it, so that nobody can put words in our mouth.
NOTICES = {
    "started": "The job was started.", "cancelled": "The job was cancelled.", "paused": "The job is being paused.",
    "resumed": "The job goes on.", "promoted": "The job is next in line.", "deleted": "The job was deleted.",
    "tier": "The job moves to the other tier.", "saved": "Saved.", "restored": "The earlier text is back.",
    "continued": "A new job goes on from the checkpoint.", "retried": "The retry was started.",
    "signed-out": "You are signed out.",
    "uploaded": "The file was uploaded and checked.", "accepted": "The warnings are accepted.",
    "file-deleted": "The file was deleted.", "template-saved": "The template was saved.",
    "template-shared": "The template is shared with the workspace.",
    "template-private": "The template is yours alone now.", "template-deleted": "The template was deleted.",
    "replayed": "The message was sent again. If it fails again, it comes back as a dead letter with a new number.",
    "key-revoked": "The key was revoked: it stopped working at once.", "roles-changed": "The roles were changed.",
    "member-removed": "The member was removed: their sessions and keys stopped working at once.",
    "invitation-revoked": "The invitation was taken back.", "budget-set": "The budget was changed.",
    "test-sent": "A test message is on its way; below stands what became of it.",
    "rate-set": "The rate was changed; it holds from now on.",
}


def visit(request: Request) -> Visit:
    """Anybody, signed in or not. One for each request: what goes wrong later is told with the menu of who came."""
    if (known := getattr(request.state, "visit", None)) is None:
        parts: Parts = request.app.state.parts
        known = request.state.visit = Visit(request, parts, parts.sessions.read(request))
    return cast(Visit, known)


def signed_in(visit: Annotated[Visit, Depends(visit)]) -> Visit:
    """Somebody whose key the API takes. Raises SignInNeeded, BrightrunError."""
    if not visit.session.signed_in:
        raise SignInNeeded
    try:
        me = visit.client.me()
        # What is offered goes by what may be done, which is more than the roles that were given.
        visit.me = me | {"roles": me.get("acts_as", me["roles"])}
    except ApiError as error:
        if error.status == 401:
            raise SignInNeeded("Your key or session is not valid any more. Sign in again.") from error
        raise
    return visit


async def sent_form(request: Request, visit: Annotated[Visit, Depends(visit)]) -> FormData:
    """The fields of a form of ours. Raises FormRefused."""
    form = await request.form()
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise FormRefused
    if not visit.parts.sessions.accepts(visit.session, form.get("form_token", "")):
        raise FormRefused
    return form


def text_of(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


AnyVisit = Annotated[Visit, Depends(visit)]
SignedIn = Annotated[Visit, Depends(signed_in)]
Form = Annotated[FormData, Depends(sent_form)]
