"""One layer around every request: its span, its metrics, its access line, its trace id for the caller, its end while
draining. One, because each layer costs every request its share; FastAPI's own telemetry is off for the same reason.
"""

import time
from functools import lru_cache
from typing import Any

import structlog
from opentelemetry.context import attach, detach
from opentelemetry.trace import set_span_in_context
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.observability.health import Health
from chassis.observability.logs import REQUEST
from chassis.web.access_log import AccessLog
from chassis.web.server_span import ServerSpan

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = ("/health/", "/metrics")
# For FastAPI(telemetry=...): the span, the metrics and the logs of a request are made here.
TELEMETRY: dict[str, Any] = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}


def is_probe(scope: Scope) -> bool:
    return str(scope.get("path", "")).startswith(_PROBES)


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
        self._of = lru_cache(1_000)(self._series)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        requests, duration = self._of(method, route, status)
        requests.inc()
        duration.observe(seconds)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)


class ObserveMiddleware:
    """The duration in the metrics ends with the headers, so that an open SSE stream is not a slow request; the one in
    the access log with the body. What is found in the scope as `response_headers` is added to whatever is answered."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, access: AccessLog, health: Health | None = None) -> None:
        self.app, self.metrics, self.access, self.health = app, metrics, access, health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        span = None if is_probe(scope) else ServerSpan(scope)
        token = attach(set_span_in_context(span.span, span.parent)) if span else None
        outside = structlog.contextvars.get_contextvars()
        if outside:
            structlog.contextvars.clear_contextvars()
        asked = REQUEST.set(scope)  # read by whatever is logged meanwhile
        try:
            await self._observed(scope, receive, send, span)
        finally:
            REQUEST.reset(asked)
            structlog.contextvars.clear_contextvars()
            if outside:
                structlog.contextvars.bind_contextvars(**outside)
            if token is not None:
                detach(token)

    async def _observed(self, scope: Scope, receive: Receive, send: Send, span: ServerSpan | None) -> None:
        began, status = time.perf_counter(), 0
        scope["trace_id"] = span.ids[0] if span and span.ids else None

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.metrics.answered(_method(scope), route_template(scope), status, time.perf_counter() - began)
                if more := self._headers(span) + scope.get("response_headers", []):
                    message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        self.metrics.in_progress.inc()
        try:
            await self.app(scope, receive, respond)
        finally:
            self.metrics.in_progress.dec()
            route, seconds = route_template(scope), time.perf_counter() - began
            if status >= 400 or span is not None:
                context = structlog.contextvars.get_contextvars()
                self.access.write(scope, route, status, seconds, span.ids if span else None, context)
            if span is not None:
                span.end(f"{_method(scope)} {route}", route, status)

    def _headers(self, span: ServerSpan | None) -> list[tuple[bytes, bytes]]:
        headers = [(b"traceparent", span.traceparent)] if span and span.traceparent else []
        if self.health is not None and self.health.draining:
            headers.append((b"connection", b"close"))  # a balancer then leads the caller elsewhere
        return headers


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def route_template(scope: Scope) -> str:
    """`/api/training/jobs/{job_id}`: without ids, so that it may be a metric label; `unmatched` for unknown paths."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else "unmatched"
