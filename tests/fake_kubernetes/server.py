"""The API server in the loop of the test."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fake_kubernetes.cluster import Cluster
from tests.fake_kubernetes.objects import KeptPod, Refused
from tests.fake_kubernetes.options import Options
from tests.fake_kubernetes.rest import LOST_CONNECTION, Rest, refusal, status_document
from tests.fake_kubernetes.schemas import Exchange
from tests.fake_runpod.server import Listener


class FakeKubernetes:
    """`url` is the API server's address, `token_file` holds what it asks for."""

    def __init__(self, options: Options) -> None:
        self.options, self.cluster = options, Cluster(options)
        self.store, self.faults = self.cluster.store, self.cluster.faults
        self.exchanges: list[Exchange] = []
        self.url = ""
        self._app: ASGIApp = Starlette(routes=Rest(self.cluster).routes(), exception_handlers={Refused: _refused})

    @property
    def token_file(self) -> Path:
        return self.options.token_file or self.options.folder / "token"

    @contextlib.asynccontextmanager
    async def behind(self, listener: Listener) -> AsyncIterator[FakeKubernetes]:
        """The one that answers there. Its containers end with it."""
        self.options.folder.mkdir(parents=True, exist_ok=True)
        if self.options.token_file is None:
            self.token_file.write_text(f"{self.options.token}\n")
        listener.app, self.url = self._answer, listener.url
        try:
            yield self
        finally:
            listener.app = Response(status_code=503)
            await self.cluster.close()

    def pods(self, name: str) -> list[KeptPod]:
        return self.cluster.pods_of(name)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self.options.latency_s)
        request = Request(scope, receive)
        body = await request.body()
        recorder = _Recorder(send, self.store.now().strftime("%a, %d %b %Y %H:%M:%S GMT"))
        inner = self._refusal(request) or self._app
        try:
            await inner(scope, _replay(body), recorder.send)
        finally:
            self._record(request, body, recorder)

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {self.options.token}":
            return status_document(Refused(401, "Unauthorized", "Unauthorized"))
        if self.faults.rate_limited:
            pause_s = self.faults.rate_limited.pop(0)
            return status_document(Refused(429, "TooManyRequests", "too many requests", pause_s))
        return status_document(refusal(self.faults.any_call.pop(0))) if self.faults.any_call else None

    def _record(self, request: Request, body: bytes, answer: _Recorder) -> None:
        if self.options.keeps_exchanges:
            said = json.loads(answer.body) if answer.is_json and answer.body and not answer.lost else None
            self.exchanges.append(Exchange(
                request.method, request.url.path, dict(request.query_params), request.headers.get("content-type", ""),
                json.loads(body) if body else None, answer.status, said))


class _Recorder:
    """Passes the answer on and keeps a copy; an answer that is to be lost ends the connection instead."""

    def __init__(self, send: Send, date: str) -> None:
        self._send, self._date = send, date
        self.status, self.body, self.lost, self.is_json = 0, b"", False, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self.status, self.lost = message["status"], LOST_CONNECTION.encode() in headers
            self.is_json = b"json" in headers.get(b"content-type", b"")
            message["headers"] = [*message["headers"], (b"date", self._date.encode())]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        if self.lost:
            raise ConnectionAbortedError("this answer is lost on the way")
        await self._send(message)


def _replay(body: bytes) -> Receive:
    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return status_document(refused)
