"""What each request leaves in the audit log: a layer around everything that could refuse it.

Every POST, PUT, PATCH and DELETE of the API leaves exactly one entry with the status that its caller got, and so does
every attempt that is denied (401, 403), and every sign-in. A route writes it in the transaction of its effect, together
with its answer (`IdempotencyRecord.store`); this layer adds what was not written there, before the answer goes out.
What acts on several things at once leaves one entry more for each of them.
Left out: answers that are repeated for an Idempotency-Key, which have no effect, addresses that no route has, and 429.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from chassis.observability.redaction import redact
from services.job_api.audit import repository
from services.job_api.audit.domain import ANONYMOUS, Actor, ActorKind, AuditEntry, Origin, readable
from services.job_api.edge.auth.api_keys import claimed_prefix
from services.job_api.edge.auth.authenticator import credential_of
from services.job_api.edge.auth.principal import Principal
from services.job_api.paths import PREFIX

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DENIED = frozenset({401, 403})
# A method that the path does not have is no operation; entries for 429 would let anybody fill the table.
_NOT_TOLD = frozenset({405, 429})
CALLER_WENT_AWAY = 499
# What stands behind a path, by its beginning; the names are those of `object` in answers.
TARGETS = {
    "webhook/secret": "webhook_secret", "webhook": "webhook_delivery", "jobs": "training_job",
    "files": "training_file", "api-keys": "api_key", "dead-letters": "dead_letter", "budget": "budget", "rates": "rate",
    "auth": "session", "members/invitations": "invitation", "members": "member", "invitations": "invitation",
    "templates": "template", "bulk/jobs": "training_job", "notifications": "notification_preferences",
}
log = structlog.get_logger(__name__)


def install(app: FastAPI, database: Database, registry: CollectorRegistry) -> None:
    app.add_middleware(AuditMiddleware, database=database, lost=Counter(
        "brightrun_audit_entries_not_written", "Entries of the audit log that the database did not take; they stand "
        "in the service's log", registry=registry))


class AuditTrail:
    """The entry of one request: who and what is known once the request has come to its route."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._actor: Actor | None = None
        self._target = ""
        self._each: tuple[str, ...] = ()
        self._settled: tuple[int, str] | None = None
        self.is_wanted = scope["method"] in _CHANGING
        self.written: int | None = None

    def acts_as(self, actor: Actor, target: object = "") -> None:
        """Whom a request speaks for that shows no credentials: a signed webhook, a sign-in. It leaves an entry whatever
        its method is."""
        self._actor, self._target, self.is_wanted = actor, str(target), True

    def concerns(self, targets: Iterable[object]) -> None:
        """On what it acts beside the one thing that its path could name: an entry for each."""
        self._each = tuple(str(target) for target in targets)

    def settle(self, status: int, code: str = "") -> None:
        """What has come of it, where the answer's status does not say so: a browser that is sent on its way."""
        self._settled = status, code

    async def write(self, tx: AsyncConnection, status: int, answer: Mapping[str, Any] | None = None) -> None:
        """The entry, in the transaction of the effect. `answer` names what was made."""
        entry = self.entry(status, answer)
        if entry is not None:
            await repository.add(tx, entry)
            for target in self._each:
                await repository.add(tx, replace(entry, target_id=readable(target)))
            self.written = status

    def lacks(self, status: int) -> bool:
        """Whether an answer with this status leaves an entry that is not there yet."""
        status = self._settled[0] if self._settled else status
        return self.written != status and status not in _NOT_TOLD and (self.is_wanted or status in _DENIED)

    def entry(self, status: int, answer: Mapping[str, Any] | None = None) -> AuditEntry | None:
        """None for an address that no route has."""
        route, values = _route(self._scope)
        if route is None:
            return None
        kind, target = _target(str(route.path), values)
        target = self._target or target
        if status == 201 and answer and "id" in answer:
            kind, target = str(answer.get("object", kind)), str(answer["id"])
        code = str(self._scope.get("problem_code", "")) if status >= 400 else ""
        status, code = self._settled or (status, code)
        return AuditEntry(route.name, self._who(), kind, readable(target), _origin(self._scope), status, code)

    def _who(self) -> Actor:
        if self._actor is not None:
            return self._actor
        principal = self._scope["state"].get("principal")
        if isinstance(principal, Principal):
            return Actor(ActorKind(principal.kind), principal.subject, principal.workspace_id, principal.credential)
        shown = claimed_prefix(credential_of(Headers(scope=self._scope)) or "")
        return Actor(ActorKind.ANONYMOUS, credential=shown) if shown else ANONYMOUS


class AuditMiddleware:
    def __init__(self, app: ASGIApp, database: Database, lost: Counter) -> None:
        self.app, self._database, self._lost = app, database, lost

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trail, answered = AuditTrail(scope), False
        scope.setdefault("state", {})["audit"] = trail

        async def respond(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                await self._complete(trail, message["status"], message)
            await send(message)

        try:
            await self.app(scope, receive, respond)
        finally:
            if not answered and trail.is_wanted and trail.written is None:
                await self._write(trail, CALLER_WENT_AWAY)

    async def _complete(self, trail: AuditTrail, status: int, message: Message) -> None:
        replayed = any(name == b"idempotent-replayed" for name, _ in message.get("headers", ()))
        if trail.lacks(status) and not replayed:
            await self._write(trail, status)

    async def _write(self, trail: AuditTrail, status: int) -> None:
        """The effect has happened, perhaps in another service: an answer that says otherwise would be wrong."""
        entry = trail.entry(status)
        if entry is None:
            return
        try:
            with every_workspace():  # it may be nobody's
                async with self._database.transaction() as tx:
                    await repository.add(tx, entry)
        except Exception as error:
            self._lost.inc()
            log.error("audit_entry_not_written", error=repr(error), **asdict(entry))


def trail_of(scope: Scope) -> AuditTrail | None:
    found = scope.get("state", {}).get("audit")
    return found if isinstance(found, AuditTrail) else None


def _route(scope: Scope) -> tuple[Any, Mapping[str, Any]]:
    """The API's route for a request and the values in its path, also when the request was refused before it came
    there."""
    if isinstance(scope.get("route"), APIRoute):
        return scope["route"], scope["path_params"]
    for route in scope["app"].router.routes:
        match, found = route.matches(scope)
        if match is Match.FULL and isinstance(route, APIRoute):
            return route, found.get("path_params", {})
    return None, {}


def _target(path: str, values: Mapping[str, Any]) -> tuple[str, str]:
    inner = path.removeprefix(f"{PREFIX}/")
    kind = next((kind for start, kind in TARGETS.items() if inner.startswith(start)), "")
    return kind, str(next(iter(values.values()), ""))


def _origin(scope: Scope) -> Origin:
    client, headers = scope.get("client"), Headers(scope=scope)
    return Origin(client[0] if client else "", readable(redact(headers.get("user-agent", ""))), scope.get("trace_id"))
