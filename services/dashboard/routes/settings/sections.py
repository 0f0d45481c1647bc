"""What the sections of the settings share: their menu, and how each tells what it could not get or do."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response

from brightrun.errors import ApiError, BrightrunError
from services.dashboard.api import Outcome
from services.dashboard.navigation import Entry
from services.dashboard.refusals import described
from services.dashboard.visit import Visit

ADMINS, OWNERS = frozenset({"admin"}), frozenset({"owner", "admin"})
SECTIONS = (
    Entry("Account", "/settings"),
    Entry("API keys", "/settings/keys", ADMINS),
    Entry("Members", "/settings/members", ADMINS),
    Entry("Notifications", "/settings/notifications"),
    Entry("Budget and rates", "/settings/budget"),
    Entry("Audit log", "/settings/audit", OWNERS),
)
# The roles of the API, and what each is for.
ROLES = {
    "engineer": "starts, changes and stops jobs, uploads files",
    "analyst": "reads and downloads",
    "owner": "reads, sets budget and notifications, promotes waiting jobs, reads the audit log",
    "admin": "may do everything in the workspace: members and keys too",
}


def may(visit: Visit, roles: frozenset[str]) -> bool:
    """Whether it is offered; the API decides what is allowed."""
    return bool(roles.intersection(visit.me["roles"]))


def is_operator(visit: Visit) -> bool:
    return bool(visit.me["is_operator"]) and may(visit, ADMINS)


def section_page(
    visit: Visit, template: str, /, found: Mapping[str, Outcome], *, status: int = 200,
    problem: dict[str, Any] | None = None, **context: Any,
) -> Response:
    """`found`: what each card is made of, by its name in the template. `problem`: what became of a form. Without one,
    the first card that was refused speaks; one whose service is away is greyed out."""
    failed = next((outcome for outcome in found.values() if outcome.problem is not None), None)
    if failed is not None and failed.problem is not None and problem is None:
        told = described(failed.problem)
        status, problem = told["status"], None if failed.is_away else told
    sections = [entry for entry in SECTIONS if entry.offered_to(visit.me)]
    return visit.page(template, status=status, problem=problem, sections=sections, roles=ROLES, **found,
                      **context)


def after(visit: Visit, act: Callable[[], Any], to: str, notice: str, again: Callable[..., Response]) -> Response:
    """To `to` when it is done; else `again`, the page of the form, with what the API said."""
    try:
        act()
    except BrightrunError as error:
        return refused(error, again)
    return visit.go(to, notice=notice)


def refused(error: BrightrunError, again: Callable[..., Response]) -> Response:
    """Raises what ends the session, or is about something that is not there."""
    if isinstance(error, ApiError) and error.status in (401, 404):
        raise error
    problem = described(error)
    return again(status=problem["status"], problem=problem)


def chosen_roles(form: FormData) -> list[str]:
    return [value for value in form.getlist("role") if isinstance(value, str)]


def amount(text: str) -> float | str:
    """A number as JSON has it; what is none goes to the API as it is, which says so."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if abs(value) < 1e15 else text  # NaN and infinity are none
