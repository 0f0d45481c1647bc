"""W3C trace context through events: `traceparent` rides in the envelope and in a message header."""

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def current_traceparent() -> str | None:
    """The running span as a `traceparent`, or None outside of any trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def remote_context(traceparent: str | None, tracestate: str = "") -> Context:
    """The context of a remote parent; an empty context when there is none or it is malformed."""
    carrier = {"traceparent": traceparent, "tracestate": tracestate} if traceparent else {}
    return _PROPAGATOR.extract(carrier, context=Context())


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 hex digits by which logs and traces find everything that belongs together."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None
