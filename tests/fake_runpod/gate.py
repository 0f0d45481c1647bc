"""What every request passes: latency, key, rate limit, ordered faults; and the record of what was exchanged."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fake_runpod.account import Account
from tests.fake_runpod.rest import LOST_CONNECTION, problem


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `answer` None: it was no JSON, or none came."""

    method: str
    path: str
    query: str
    body: Any
    status: int
    content_type: str
    answer: Any


class Gate:
    def __init__(self, app: ASGIApp, account: Account) -> None:
        self._app, self._account = app, account
        self.exchanges: list[Exchange] = []
        self._minute, self._used = -1, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(self._account.options.latency_s)
        body = await Request(scope, receive).body()
        answer = _Recorder(send, self._quota())
        inner = self._refusal(scope) or self._app
        try:
            await inner(scope, _replay(body, receive), answer.send)
        finally:
            self._record(scope, body, answer)

    def _refusal(self, scope: Scope) -> Response | None:
        account = self._account
        if not self._may(scope):
            return problem(401, "missing or invalid bearer token")
        if (status := account.faults.next_status()) is not None:
            return problem(status, "upstream failure")
        if (pause_s := account.faults.next_pause()) is not None:
            return _too_many(pause_s)
        minute = int(account.now().timestamp() // 60)
        self._used = self._used + 1 if minute == self._minute else 1
        self._minute = minute
        over = self._used > account.options.requests_per_minute
        return _too_many(60 - int(account.now().timestamp()) % 60) if over else None

    def _may(self, scope: Scope) -> bool:
        """The account's key may everything, a pod's key look at and end that pod."""
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        pod = self._account.pods.get(scope["path"].removeprefix("/v2/pods/"))
        return key == self._account.options.api_key or (pod is not None and key == pod.api_key)

    def _quota(self) -> list[tuple[bytes, bytes]]:
        quota = self._account.options.requests_per_minute
        left, reset = max(0, quota - self._used), 60 - int(self._account.now().timestamp()) % 60
        date = self._account.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return [(b"ratelimit", f'"minute";r={left};t={reset}'.encode()), (b"date", date.encode()),
                (b"ratelimit-policy", f'"minute";q={quota};w=60'.encode())]

    def _record(self, scope: Scope, body: bytes, answer: _Recorder) -> None:
        if not self._account.options.keeps_exchanges:
            return
        is_json = "json" in answer.content_type and not answer.lost
        self.exchanges.append(Exchange(
            scope["method"], scope["path"], scope["query_string"].decode(), json.loads(body) if body else None,
            answer.status, answer.content_type, json.loads(answer.body) if is_json and answer.body else None))


def _too_many(seconds: int) -> Response:
    return problem(429, "rate limit exceeded for the minute window", headers={"Retry-After": str(seconds)})


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body again, then what follows it: that the client is gone."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class _Recorder:
    """Passes the answer on and keeps a copy; an answer that is to be lost ends the connection instead."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send, self._headers = send, headers
        self.status, self.content_type, self.body, self.lost = 0, "", b"", False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self.status, self.content_type = message["status"], headers.get(b"content-type", b"").decode()
            self.lost = LOST_CONNECTION.encode() in headers
            message["headers"] = [*message["headers"], *self._headers]
        elif message["type"] == "http.response.body" and "json" in self.content_type:
            self.body += message.get("body", b"")
        if self.lost:
            raise ConnectionAbortedError("this answer is lost on the way")
        await self._send(message)
