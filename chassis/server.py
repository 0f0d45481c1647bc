"""uvicorn with uvloop, our logging, and a shutdown that drains: readiness first, then streams, then connections."""

import socket

import uvicorn
from starlette.types import ASGIApp

from chassis import logs
from chassis.settings import ServiceSettings


class DrainingServer(uvicorn.Server):
    """Tells the app's runtime before connections are closed: endless responses (SSE) must end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        runtime = getattr(getattr(self.config.app, "state", None), "runtime", None)
        if runtime is not None:
            runtime.begin_drain()
        await super().shutdown(sockets)


def serve(app: ASGIApp, settings: ServiceSettings) -> None:
    """Runs until SIGTERM or SIGINT; requests in progress get `shutdown_grace_s` seconds to finish."""
    logs.configure(settings.service_name, settings.log_level)
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
    )
    DrainingServer(config).run()
