"""The server in the loop of the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fake_runpod.account import Account, Refused
from tests.fake_runpod.gate import Exchange, Gate
from tests.fake_runpod.options import Options
from tests.fake_runpod.reclaim import order_route
from tests.fake_runpod.rest import Rest, problem
from tests.fake_runpod.spot import Graphql


class FakeRunPod:
    """`url` is the base of REST v2, `/graphql` of it the other interface."""

    def __init__(self, options: Options) -> None:
        self.account = Account(options)
        self.faults = self.account.faults
        rest, graphql = Rest(self.account), Graphql(self.account)
        routes = [*rest.routes(), Route("/graphql", graphql.answer, methods=["POST"]),
                  order_route(self.faults)]
        self.gate = Gate(Starlette(routes=routes, exception_handlers={Refused: _refused}), self.account)
        self.url = ""

    @property
    def exchanges(self) -> list[Exchange]:
        return self.gate.exchanges

    @contextlib.asynccontextmanager
    async def behind(self, listener: Listener) -> AsyncIterator[FakeRunPod]:
        """The one that answers there. Its pods end with it."""
        listener.app, self.url = self.gate, listener.url
        try:
            yield self
        finally:
            listener.app = _nobody
            await self.account.close()


class Listener:
    """One HTTP server for many accounts, one after the other: a start and an end take half a second."""

    def __init__(self) -> None:
        self.app: ASGIApp = _nobody
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[Listener]:
        listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # `date_header`: the gate sends the provider's own time. A log stream must not hold up the end.
        server = _Server(uvicorn.Config(self._answer, interface="asgi3", log_level="critical", lifespan="off",
                                        date_header=False, timeout_graceful_shutdown=0))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield self
        finally:
            server.should_exit = True
            await serving

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class _Server(uvicorn.Server):
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:
        """They belong to pytest."""
        return contextlib.nullcontext()


_nobody = Response(status_code=503)


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return problem(refused.status, refused.detail, refused.errors)
