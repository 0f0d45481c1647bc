"""Spans, exported by OTLP only where an endpoint is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind

from chassis.observability.propagation import current_traceparent, remote_context

__all__ = [
    "configure", "continued", "current_ids", "current_trace_id", "current_traceparent", "record_span", "span",
    "span_from", "tracer",
]


def configure(service: str, otlp_endpoint: str = "") -> None:
    """Makes trace ids exist in this process; exports spans to `<otlp_endpoint>/v1/traces` when one is given.

    Without an endpoint spans have ids and nothing else: nobody would read what they record. OpenTelemetry allows one
    provider per process: later calls change nothing.
    """
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    resource = Resource.create({"service.name": service, "service.namespace": "brightrun"})
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON) if otlp_endpoint else ALWAYS_OFF, resource=resource)
    if otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        address = otlp_endpoint.rstrip("/").removesuffix("/v1/traces") + "/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=5)))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Sends what is buffered; called while a service stops."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(3000)


@cache
def tracer() -> trace.Tracer:
    """Asked for before `configure`, it takes the provider over when there is one."""
    return trace.get_tracer("brightrun")


def current_ids() -> tuple[str, str] | None:
    """(trace id, span id) of the running span as 32 and 16 hex digits."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return format(span.trace_id, "032x"), format(span.span_id, "016x")


def current_trace_id() -> str | None:
    ids = current_ids()
    return ids[0] if ids else None


@contextmanager
def span_from(
    traceparent: str | None, name: str, *, kind: SpanKind = SpanKind.CONSUMER, **attributes: Any
) -> Iterator[trace.Span]:
    """A span that continues `traceparent` (a malformed or missing one starts a new trace)."""
    parent = remote_context(traceparent)
    with tracer().start_as_current_span(name, parent, kind, attributes=_clean(attributes)) as span:
        yield span


@contextmanager
def continued(traceparent: str | None) -> Iterator[None]:
    """Within it logs and children belong to that trace, without a span for it; nothing changes where there is none."""
    if not traceparent:
        yield
        return
    token = attach(remote_context(traceparent))
    try:
        yield
    finally:
        detach(token)


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[trace.Span]:
    """A child of the running span."""
    with tracer().start_as_current_span(name, attributes=_clean(attributes)) as child:
        yield child


def record_span(name: str, began: datetime, ended: datetime, **attributes: Any) -> None:
    """A child of the running span for what went on elsewhere, told afterwards (a stage of a trainer)."""
    child = tracer().start_span(name, start_time=_nanoseconds(began), attributes=_clean(attributes))
    child.end(max(_nanoseconds(began), _nanoseconds(ended)))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)


def _clean(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | bool | int | float) else str(value)
        for key, value in attributes.items()
        if value is not None
    }
