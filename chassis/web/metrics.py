"""Prometheus: HTTP requests by route template."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.web.tracing import route_template

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class HttpMetrics:
    """Labels are method, route template and status: never a concrete path, so ids cannot make new time series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("method", "route")
        self.requests = Counter("http_requests_total", "HTTP requests answered", (*names, "status"), registry=registry)
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time until the response headers were sent",
            names,
            registry=registry,
            buckets=_BUCKETS,
        )
        self.in_progress = Gauge("http_requests_in_progress", "HTTP requests being answered", registry=registry)


class MetricsMiddleware:
    """Counts requests. The duration ends with the headers, so that an open SSE stream is not a slow request."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def respond(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, route = _known_method(scope["method"]), route_template(scope)
                self.metrics.requests.labels(method, route, str(message["status"])).inc()
                self.metrics.seconds.labels(method, route).observe(time.perf_counter() - began)
            await send(message)

        with self.metrics.in_progress.track_inprogress():
            await self.app(scope, receive, respond)


def _known_method(method: str) -> str:
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
