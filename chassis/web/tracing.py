"""One server span per request, which continues the caller's trace."""

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.observability.tracing import PATH_ATTRIBUTE, current_ids, current_trace_id, current_traceparent, span_from


class TracingMiddleware:
    """A server span per request that continues the caller's `traceparent`; ours is returned in the response.

    FastAPI (0.165) opens that span itself as soon as tracing is configured; then it is used as it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif "fastapi.telemetry" in scope and current_ids() is not None:
            await self._respond(scope, receive, send)
        else:
            headers = Headers(scope=scope)
            path = {PATH_ATTRIBUTE: scope["path"]}
            with span_from(headers.get("traceparent"), scope["method"], kind=SpanKind.SERVER, **path):
                await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        span, traceparent = trace.get_current_span(), current_traceparent() or ""
        scope["trace_id"] = current_trace_id()

        async def respond(message: Message) -> None:
            if message["type"] == "http.response.start":
                _describe(span, scope, message["status"])
                headers = [*message.get("headers", ()), (b"traceparent", traceparent.encode())]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, respond)


def _describe(span: trace.Span, scope: Scope, status: int) -> None:
    route = route_template(scope)
    span.update_name(f"{scope['method']} {route}")
    span.set_attributes({"http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def route_template(scope: Scope) -> str:
    """`/api/training/jobs/{job_id}`: without ids, so that it may be a metric label; `unmatched` for unknown paths."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else "unmatched"
