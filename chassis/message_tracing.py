"""W3C trace context through events: `traceparent` rides in the envelope and in a message header."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def current_traceparent() -> str | None:
    """The running span as a `traceparent`, or None outside of any trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def remote_context(traceparent: str | None) -> Context:
    """The context of a remote parent; an empty context when there is none or it is malformed."""
    return _PROPAGATOR.extract({"traceparent": traceparent} if traceparent else {}, context=Context())


@contextmanager
def message_span(
    name: str, kind: SpanKind, *, traceparent: str | None, attributes: dict[str, str], **log_fields: str
) -> Iterator[Span]:
    """A span that continues the sender's trace; while it runs, log lines carry its trace id and `log_fields`."""
    tracer = trace.get_tracer("chassis.messaging")
    context = remote_context(traceparent)
    with tracer.start_as_current_span(name, context=context, kind=kind, attributes=attributes) as span:
        trace_id = _trace_id(span, traceparent)
        fields = log_fields | ({"trace_id": trace_id} if trace_id else {})
        with structlog.contextvars.bound_contextvars(**fields):
            yield span


def _trace_id(span: Span, traceparent: str | None) -> str | None:
    context = span.get_span_context()
    if context.is_valid:
        return f"{context.trace_id:032x}"
    return traceparent.split("-")[1] if traceparent and traceparent.count("-") == 3 else None
