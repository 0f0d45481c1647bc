"""One line per request: method, route, path without query, status, duration; trace and job ids bound around it."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.web.tracing import route_template

log = structlog.get_logger("access")
_QUIET = ("/health/", "/metrics")


class AccessLogMiddleware:
    """Starts every request with an empty log context; requests of the probes are logged only when they fail."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        outside = structlog.contextvars.get_contextvars()
        structlog.contextvars.clear_contextvars()
        try:
            await self.app(scope, receive, respond)
        finally:
            _write(scope, status, time.perf_counter() - began)
            structlog.contextvars.clear_contextvars()
            structlog.contextvars.bind_contextvars(**outside)


def _write(scope: Scope, status: int, seconds: float) -> None:
    if scope["path"].startswith(_QUIET) and status < 400:
        return
    job_id = scope.get("path_params", {}).get("job_id")
    log.log(
        30 if status >= 500 or status == 0 else 20,
        "request",
        method=scope["method"],
        route=route_template(scope),
        path=scope["path"],
        status=status or "aborted",
        duration_ms=round(seconds * 1000, 1),
        **({"job_id": str(job_id)} if job_id else {}),
    )
