"""Who may do what, as a table: what each route's dependency must amount to, and docs/authorization.md.

The routes enforce (`edge.auth.access`), this table says what they should: tests/services/job_api/authorization tries
every operation as every kind of caller and fails for an operation that stands in no group.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.job_api.edge.auth.principal import Role
from services.job_api.paths import PREFIX


class CallerKind(StrEnum):
    """The kinds of callers that are told apart, as the columns of the document name them."""

    NOBODY = "no key"
    INVALID = "malformed, unknown, revoked or expired key"
    NO_ROLE = "no role"
    ENGINEER = "engineer"
    ANALYST = "analyst"
    OWNER = "owner"
    ADMIN = "admin"
    STRANGER = "admin of another workspace"


class Expected(StrEnum):
    YES = "yes"
    UNAUTHENTICATED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    OWN_THINGS = "own only"


@dataclass(frozen=True)
class Group:
    """`roles` beside admin; `open`: whoever asks (signed, or the beginning of a sign-in)."""

    title: str
    roles: frozenset[Role]
    operations: tuple[str, ...]
    any_member: bool = False
    open: bool = False
    operator: bool = False


_E, _A, _O = Role.ENGINEER, Role.ANALYST, Role.OWNER
GROUPS: tuple[Group, ...] = (
    Group("Everybody in the workspace", frozenset(), (
        "GET /me", "GET /status", "POST /auth/logout"), any_member=True),
    Group("Readers", frozenset({_E, _A, _O}), (
        "GET /jobs", "GET /jobs/{job_id}", "GET /job-filters", "GET /queue", "GET /presets", "GET /cost-estimate",
        "GET /budget", "GET /rates", "GET /jobs/{job_id}/events", "GET /jobs/{job_id}/stream",
        "GET /jobs/{job_id}/metrics", "GET /jobs/{job_id}/evaluation", "GET /jobs/{job_id}/pods",
        "GET /jobs/{job_id}/attempts", "GET /notifications",
        "GET /jobs/{job_id}/notes/history", "GET /templates", "GET /templates/{template_id}",
        "GET /jobs/{job_id}/logs", "GET /jobs/{job_id}/artifacts",
        "GET /jobs/{job_id}/downloads",
        "GET /errors/stats", "GET /jobs/{job_id}/error", "GET /jobs/{job_id}/error-log", "GET /files",
        "GET /files/{file_id}", "GET /files/{file_id}/preview", "POST /files/validate",
        "GET /comparisons", "GET /analytics", "GET /interruption-rates")),
    Group("Whoever takes results", frozenset({_E, _A}), (
        "GET /jobs/{job_id}/download/adapters", "GET /jobs/{job_id}/download/metrics")),
    Group("Engineers", frozenset({_E}), (
        "POST /jobs", "POST /bulk/jobs", "PATCH /jobs/{job_id}", "DELETE /jobs/{job_id}", "POST /jobs/{job_id}/start",
        "POST /jobs/{job_id}/cancel", "POST /jobs/{job_id}/retry", "POST /jobs/{job_id}/pause",
        "POST /jobs/{job_id}/resume", "POST /jobs/{job_id}/tier", "POST /jobs/{job_id}/continue", "POST /files",
        "DELETE /files/{file_id}", "POST /templates", "PATCH /templates/{template_id}",
        "DELETE /templates/{template_id}", "POST /jobs/{job_id}/template", "POST /files/{file_id}/accept-warnings")),
    Group("Owners", frozenset({_O}), (
        "PUT /budget", "POST /jobs/{job_id}/promote", "GET /audit", "PUT /notifications", "POST /notifications/test")),
    Group("Admins", frozenset(), (
        "GET /api-keys", "POST /api-keys", "DELETE /api-keys/{key_id}", "POST /api-keys/{key_id}/rotate",
        "GET /dead-letters",
        "POST /dead-letters/replay-all", "GET /dead-letters/{sequence}", "POST /dead-letters/{sequence}/replay",
        "GET /webhook/secret", "POST /webhook/secret", "DELETE /webhook/secret", "GET /members", "PUT /members",
        "DELETE /members/{user_id}", "POST /members/invitations", "GET /members/invitations",
        "DELETE /members/invitations/{invitation_id}")),
    Group("Admins of the workspace that runs the installation", frozenset(), (
        "PUT /rates", "GET /operations"), operator=True),
    Group("Whoever can sign, signs in or was invited", frozenset(), (
        "POST /webhook", "GET /auth/oidc", "GET /auth/oidc/callback", "POST /auth/token",
        "POST /invitations/preview", "POST /invitations/accept"), open=True),
)
_BY_KIND = {CallerKind.ENGINEER: _E, CallerKind.ANALYST: _A, CallerKind.OWNER: _O}


def group_of(operation: str) -> Group:
    """Raises KeyError for an operation that nobody has thought about."""
    for group in GROUPS:
        if operation in group.operations:
            return group
    raise KeyError(f"{operation} stands in no group of services/job_api/authorization.py")


def expected(operation: str, kind: CallerKind) -> Expected:
    group = group_of(operation)
    if group.open:
        return Expected.YES
    if kind in (CallerKind.NOBODY, CallerKind.INVALID):
        return Expected.UNAUTHENTICATED
    if kind is CallerKind.STRANGER:
        return _for_a_stranger(operation, group)
    allowed = group.any_member or kind is CallerKind.ADMIN or _BY_KIND.get(kind) in group.roles
    return Expected.YES if allowed else Expected.FORBIDDEN


def _for_a_stranger(operation: str, group: Group) -> Expected:
    if group.operator:
        return Expected.FORBIDDEN
    return Expected.NOT_FOUND if "{" in operation else Expected.OWN_THINGS


def operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name as in the table, method, and description of every operation of the document."""
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path.removeprefix(PREFIX)}", method, operation


_HEAD = """# Who may do what

Generated from `services/job_api/authorization.py` by `make schemas`; tests/services/job_api/authorization tries every
cell against the running API.

| answer | means |
| --- | --- |
| yes | the request is let through to what it asks for; a thing that does not exist is still a 404 |
| 401 | `unauthenticated` without credentials, `invalid_credentials` with wrong ones; which of them is not said |
| 403 | `forbidden`: the role does not allow it |
| 404 | as if the thing did not exist: it belongs to another workspace |
| own only | the caller's own workspace is shown or changed, nothing of the one that the row is about |

A key never has a role that its user lacks in the workspace, so a member who is removed or loses a role takes their keys
and sessions with them. Paths are below `/api/training`.
"""


def authorization_document() -> str:
    """docs/authorization.md."""
    head = "| operation | " + " | ".join(kind.value for kind in CallerKind) + " |\n" + "| --- " * 9 + "|\n"
    return _HEAD + "".join(f"\n## {group.title}\n\n{head}" + "".join(map(_row, group.operations)) for group in GROUPS)


def _row(operation: str) -> str:
    return f"| `{operation}` | " + " | ".join(expected(operation, kind).value for kind in CallerKind) + " |\n"
