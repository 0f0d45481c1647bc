"""How large a body may be, and that nobody's is read before it is known who sends it.

An ASGI layer, because a framework reads the body before a route's dependencies run. Memory stays constant whatever
is sent: what is over the limit is neither kept nor parsed.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problems import PayloadTooLarge, ProblemError, problem_for
from chassis.web.problems import problem_response
from services.job_api.edge.auth import Authenticator

LARGEST_BODY = 1024 * 1024
# The event that a webhook becomes must fit into one message of the broker (1 MiB), with its envelope and headers.
LARGEST_WEBHOOK = 900 * 1024
_LINGER_S = 2.0
_BODY_HEADERS = (b"content-length", b"transfer-encoding")


class BodyTooLarge(Exception):
    """More has come than is allowed."""


def install(app: FastAPI, limits: Mapping[str, int | None], signed: frozenset[str]) -> None:
    """`limits`: paths with another limit than LARGEST_BODY; None: the route counts by itself. `signed`: paths whose
    callers are told apart by their body."""
    app.add_middleware(BodyLimits, limits=limits, signed=signed)


class BodyLimits:
    def __init__(self, app: ASGIApp, limits: Mapping[str, int | None], signed: frozenset[str]) -> None:
        self.app, self._limits, self._signed = app, limits, signed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        limit = self._limits.get(scope["path"], LARGEST_BODY)
        try:
            await self._admit(scope, limit)
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        if limit is None:
            await self.app(scope, receive, send)
        else:
            await self._limited(limit, scope, receive, send)

    async def _admit(self, scope: Scope, limit: int | None) -> None:
        """By the headers alone."""
        if scope["path"] not in self._signed:
            authenticator: Authenticator = scope["app"].state.authenticator
            await authenticator.authenticate(Request(scope))
        if limit is not None and _declared(scope) > limit:
            raise too_large(limit)

    async def _limited(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Whatever the app makes of a body that is cut off, the caller is told the limit."""
        body = LimitedBody(receive, limit)
        answer = HeldBack(send, body)
        try:
            await self.app(scope, body, answer)
        except Exception:
            if not body.exceeded or answer.started:
                raise
        if body.exceeded and not answer.started:
            await _refuse(too_large(limit), scope, receive, send)


class LimitedBody:
    """Stands in for `receive`. Raises BodyTooLarge."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self._size = 0

    @property
    def exceeded(self) -> bool:
        return self._size > self._limit

    async def __call__(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self.exceeded:
            raise BodyTooLarge
        return message


class HeldBack:
    """Stands in for `send`; drops what the app answers once the body was too large."""

    def __init__(self, send: Send, body: LimitedBody) -> None:
        self._send, self._body = send, body
        self.started = False

    async def __call__(self, message: Message) -> None:
        if self._body.exceeded and not self.started:
            return
        self.started = True
        await self._send(message)


def too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body of this request may have {limit:,} bytes.", suggested_fix="Send less at once.")


def _has_body(scope: Scope) -> bool:
    if not any(name in _BODY_HEADERS for name, _ in scope["headers"]):  # most requests; Headers decodes them all
        return False
    return _declared(scope) > 0 or "transfer-encoding" in Headers(scope=scope)


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    problem = problem_for(error)
    if problem is None:
        raise error
    if "expect" not in Headers(scope=scope):
        await _linger(receive)
    await _closing(problem, scope, receive, send)


async def _linger(receive: Receive) -> None:
    """Read on for a moment: a client that is still sending would meet a reset connection instead of the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body", False):
                message = await receive()


async def _closing(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    """The rest of the body stays unread, so the connection cannot be used again."""
    response = problem_response(problem, scope)
    response.headers["connection"] = "close"
    await response(scope, receive, send)
