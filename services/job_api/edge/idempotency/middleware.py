"""`Idempotency-Key` for every POST of an app, without a word in its routes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.problems import BadRequest, Conflict, ProblemError, Unauthenticated, problem_for
from chassis.web.problems import error_docs, problem_response
from services.job_api.edge.auth import Authenticator, Principal
from services.job_api.edge.idempotency.claims import Claim, Claims, InProgress, RequestKey, StoredResponse
from services.job_api.edge.idempotency.fingerprint import HashedBody
from services.job_api.edge.idempotency.openapi import document_header
from services.job_api.edge.idempotency.record import IdempotencyRecord
from services.job_api.edge.idempotency.recorded import RecordedResponse

KEY_HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
log = structlog.get_logger(__name__)


def install(app: FastAPI, claims: Claims) -> None:
    """Callers are told apart by the app's authenticator (`services.job_api.edge.auth.install`)."""
    app.add_middleware(IdempotencyMiddleware, claims=claims)
    document_header(app)


class IdempotencyMiddleware:
    """POSTs without the header, or without valid credentials, pass through: the route decides about them."""

    def __init__(self, app: ASGIApp, claims: Claims) -> None:
        self.app, self._claims = app, claims

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or KEY_HEADER not in Headers(scope=scope):
            await self.app(scope, receive, send)
            return
        try:
            key = await self._request_key(scope)
            taken = await self._claims.take(key) if key else None
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        body = HashedBody(scope, receive)
        if taken is None:
            await self.app(scope, receive, send)
        elif isinstance(taken, Claim):
            await self._execute(taken, body, scope, send)
        else:
            await _answer(taken, body, scope, send)

    async def _request_key(self, scope: Scope) -> RequestKey | None:
        value = Headers(scope=scope)[KEY_HEADER]
        if not _KEY.fullmatch(value):
            raise BadRequest(
                "The Idempotency-Key must be 1 to 255 visible ASCII characters.",
                code="idempotency_key_invalid",
                suggested_fix="Send a new UUID as the Idempotency-Key for each new request.",
            )
        principal = await _caller(scope)
        if principal is None:
            return None
        return RequestKey(principal.workspace_id, principal.subject, scope["method"], scope["path"], value)

    async def _execute(self, claim: Claim, body: HashedBody, scope: Scope, send: Send) -> None:
        record = IdempotencyRecord(self._claims, claim, body)
        scope.setdefault("state", {})["idempotency"] = record

        async def keep(status: int, headers: dict[str, str], content: bytes) -> None:
            if not record.stored:
                await self._store(claim, StoredResponse(status, headers, content, await body.digest()))

        response = RecordedResponse(send, keep, error_docs(scope))
        try:
            async with self._renewed(claim):
                await self.app(scope, body, response)
        finally:
            if not response.succeeded:  # a completed row stays: release only forgets an open claim
                await asyncio.shield(self._release(claim))

    async def _store(self, claim: Claim, response: StoredResponse) -> None:
        """The effect is committed already: failing to store its answer must not turn it into an error. The claim
        stays, so a retry within the lease is held back."""
        try:
            async with self._claims.database.transaction() as tx:
                await self._claims.complete(tx, claim, response)
        except Exception as error:
            log.warning("idempotent_response_not_stored", path=claim.key.path, error=repr(error))

    async def _release(self, claim: Claim) -> None:
        try:
            await self._claims.release(claim)
        except Exception as error:  # the lease ends it
            log.warning("idempotency_claim_not_released", path=claim.key.path, error=repr(error))

    @asynccontextmanager
    async def _renewed(self, claim: Claim) -> AsyncIterator[None]:
        """Keeps the lease while a slow request (a large upload) runs."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._claims.lease_s / 3)
                with suppress(Exception):
                    await self._claims.renew(claim)

        task = asyncio.create_task(renew(), name="idempotency-lease")
        try:
            yield
        finally:
            task.cancel()


async def _caller(scope: Scope) -> Principal | None:
    authenticator: Authenticator = scope["app"].state.authenticator
    try:
        return await authenticator.authenticate(Request(scope))
    except Unauthenticated:
        return None


async def _answer(found: StoredResponse | InProgress, body: HashedBody, scope: Scope, send: Send) -> None:
    if isinstance(found, InProgress):
        error: ProblemError = Conflict(
            "A request with this Idempotency-Key is being executed.",
            code="idempotency_in_progress",
            title="Still being executed",
            suggested_fix="Repeat the request in a second; it will get the first one's answer.",
            retryable=True,
            retry_after_s=1,
        )
        await problem_response(error, scope)(scope, body, send)
    elif await body.digest() != found.fingerprint:
        error = Conflict(
            "This Idempotency-Key was used before with a different request.",
            code="idempotency_key_reused",
            title="Idempotency-Key used before",
            suggested_fix="Use a new Idempotency-Key for a new request.",
        )
        await problem_response(error, scope)(scope, body, send)
    else:
        headers = found.headers | {"idempotent-replayed": "true"}
        await Response(found.body, found.status, headers)(scope, body, send)


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    problem = problem_for(error)
    if problem is None:
        raise error
    await problem_response(problem, scope)(scope, receive, send)
