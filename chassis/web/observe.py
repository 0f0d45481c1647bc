"""One layer around every request: its metrics, its access line, its trace id for the caller, its end while draining.

The server span comes from FastAPI itself (`TELEMETRY`); the layers are one because each costs every request its share.
"""

import time
from typing import Any

import structlog
from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.observability.health import Health
from chassis.observability.propagation import current_traceparent
from chassis.observability.tracing import current_ids
from chassis.web.access_log import AccessLog

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = ("/health/", "/metrics")


def is_probe(scope: Scope) -> bool:
    return str(scope.get("path", "")).startswith(_PROBES)


# For FastAPI(telemetry=...): one server span per request, none for probes, none within; metrics and logs are ours.
TELEMETRY: dict[str, Any] = {
    "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False, "exclude": is_probe,
}


class HttpMetrics:
    """Labels are method, route template and status: never a concrete path, so ids cannot make new time series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("method", "route")
        self.requests = Counter("http_requests_total", "HTTP requests answered", (*names, "status"), registry=registry)
        self.seconds = Histogram(
            "http_request_duration_seconds", "Time until the response headers were sent", names, registry=registry,
            buckets=_BUCKETS,
        )
        self.in_progress = Gauge("http_requests_in_progress", "HTTP requests being answered", registry=registry)


class ObserveMiddleware:
    """The duration in the metrics ends with the headers, so that an open SSE stream is not a slow request; the one in
    the access log with the body."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, access: AccessLog, health: Health | None = None) -> None:
        self.app, self.metrics, self.access, self.health = app, metrics, access, health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        ids, traceparent = current_ids(), current_traceparent()
        scope["trace_id"] = ids[0] if ids else None

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status, time.perf_counter() - began)
                message = {**message, "headers": [*message.get("headers", ()), *self._headers(traceparent)]}
            await send(message)

        outside = structlog.contextvars.get_contextvars()
        structlog.contextvars.clear_contextvars()
        self.metrics.in_progress.inc()
        try:
            await self.app(scope, receive, respond)
        finally:
            self.metrics.in_progress.dec()
            if status >= 400 or not is_probe(scope):
                context = structlog.contextvars.get_contextvars()
                self.access.write(scope, route_template(scope), status, time.perf_counter() - began, ids, context)
            structlog.contextvars.clear_contextvars()
            if outside:
                structlog.contextvars.bind_contextvars(**outside)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = route_template(scope)
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.seconds.labels(method, route).observe(seconds)
        span = trace.get_current_span()
        if span.is_recording():
            span.update_name(f"{method} {route}")

    def _headers(self, traceparent: str | None) -> list[tuple[bytes, bytes]]:
        headers = [(b"traceparent", traceparent.encode())] if traceparent else []
        if self.health is not None and self.health.draining:
            headers.append((b"connection", b"close"))  # a balancer then leads the caller elsewhere
        return headers


def route_template(scope: Scope) -> str:
    """`/api/training/jobs/{job_id}`: without ids, so that it may be a metric label; `unmatched` for unknown paths."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else "unmatched"
