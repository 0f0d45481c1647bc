"""uvicorn with uvloop, our logging, and a shutdown that loses no request."""

import asyncio
import os
import socket
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from chassis.observability import logs
from chassis.settings import WebSettings


class DrainingServer(uvicorn.Server):
    """On the first signal it goes on serving for `drain_s`, not ready and closing each connection with its answer;
    then uvicorn's own shutdown. A second signal ends at once.

    Callers keep connections alive. Closed at once, a connection is cut while its caller is writing the next request
    (6 of 1,600 requests were lost that way), and balancers learn of the end only after a moment. Where replicas share
    the listening socket (`shared`), new connections are left to the others from the first signal on.
    """

    def __init__(self, config: uvicorn.Config, drain_s: float = 0.0, shared: socket.socket | None = None) -> None:
        super().__init__(config)
        self._drain_s, self._shared = drain_s, shared
        self._runtime = getattr(getattr(config.app, "state", None), "runtime", None)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup([self._shared] if self._shared is not None else sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._runtime is None or self._loop is None or self._runtime.health.draining or not self._drain_s:
            super().handle_exit(sig, frame)
            return
        self._runtime.begin_drain()
        # From a signal's handler the loop must be woken, or it notices the timer late.
        self._loop.call_soon_threadsafe(self._drain, sig, frame)

    def _drain(self, sig: int, frame: FrameType | None) -> None:
        assert self._loop is not None
        if self._shared is not None:
            for server in getattr(self, "servers", ()):  # none yet while it starts
                server.close()
        self._loop.call_later(self._drain_s, super().handle_exit, sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Endless answers (SSE) must end by themselves before connections are closed."""
        if self._runtime is not None:
            self._runtime.begin_drain()
            self._runtime.stopping.set()
        await super().shutdown(sockets)


def serve(app: ASGIApp, settings: WebSettings, *, operations: ASGIApp | None = None) -> None:
    """Runs until SIGTERM or SIGINT; requests in progress get `shutdown_grace_s` seconds to finish.

    `operations` is the app of the operators' port, where the main port is not theirs.
    """
    logs.configure(settings.service_name, settings.log_level)
    shared = _handed_down(settings.http_fd) if settings.http_fd >= 0 else None
    main = DrainingServer(_config(app, settings, settings.http_host, settings.http_port), settings.drain_s, shared)
    if operations is None or not settings.operations_port:
        main.run()
        return
    host = settings.operations_host or settings.http_host
    beside = uvicorn.Server(_config(operations, settings, host, settings.operations_port, lifespan="off"))
    with asyncio.Runner(loop_factory=main.config.get_loop_factory()) as runner:
        runner.run(_serve_both(main, beside))


def _handed_down(descriptor: int) -> socket.socket:
    """The socket, for this process alone: what it starts itself must not keep it open."""
    shared = socket.socket(fileno=os.dup(descriptor))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, descriptor)
    os.close(nothing)
    return shared


async def _serve_both(main: uvicorn.Server, operations: uvicorn.Server) -> None:
    """The operators' port is there as long as the process is, also while it starts and drains."""
    beside = asyncio.create_task(operations._serve())  # `serve` would take over the signals of the main one
    try:
        await main.serve()
    finally:
        operations.should_exit = True
        await beside


def _config(app: ASGIApp, settings: WebSettings, host: str, port: int, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        **more,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.http_tls_cert or None,
        ssl_keyfile=settings.http_tls_key or None,
        proxy_headers=False,  # whose word is believed is the app's own setting; the default is any local process's
        timeout_graceful_shutdown=settings.shutdown_grace_s,
    )
