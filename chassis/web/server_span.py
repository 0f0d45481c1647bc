"""The span of a request, with the names of OpenTelemetry's conventions for HTTP servers."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import Scope

from chassis.observability.propagation import remote_context
from chassis.observability.redaction import redact
from chassis.observability.tracing import tracer

_HEADERS = (b"traceparent", b"tracestate")


class ServerSpan:
    """Continues the caller's trace, or begins one. `ids` (trace, span) and `traceparent` are None and empty as long
    as no tracing is configured. Nothing is recorded where nothing is exported."""

    __slots__ = ("ids", "parent", "span", "traceparent")

    def __init__(self, scope: Scope) -> None:
        self.parent = _parent(scope)
        self.span = tracer().start_span("HTTP", self.parent, SpanKind.SERVER)
        context = self.span.get_span_context()
        self.ids: tuple[str, str] | None = None
        self.traceparent = b""
        if context.is_valid:
            self.ids = trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
            self.traceparent = f"00-{trace_id}-{span_id}-{context.trace_flags:02x}".encode()
        if self.span.is_recording():
            self.span.set_attributes(_attributes(scope))

    def end(self, name: str, route: str, status: int) -> None:
        """`status` 0: there was no answer."""
        if self.span.is_recording():
            self.span.update_name(name)
            self.span.set_attribute("http.route", route)
            if status:
                self.span.set_attribute("http.response.status_code", status)
            if status >= 500 or not status:
                self.span.set_attribute("error.type", str(status or "incomplete_response"))
                self.span.set_status(StatusCode.ERROR)
        self.span.end()


def _parent(scope: Scope) -> Context:
    sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS}
    return remote_context(sent[b"traceparent"], sent.get(b"tracestate", "")) if b"traceparent" in sent else Context()


def _attributes(scope: Scope) -> dict[str, Any]:
    server = scope.get("server") or (None, None)
    query = redact("?" + scope.get("query_string", b"").decode("latin-1"))[1:]
    found = {
        "http.request.method": scope["method"], "url.scheme": scope.get("scheme", "http"),
        "url.path": redact(scope["path"]), "url.query": query, "network.protocol.version": scope.get("http_version"),
        "server.address": server[0], "server.port": server[1],
    }
    return {name: value for name, value in found.items() if value}
