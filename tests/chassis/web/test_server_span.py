"""The span of a request, where spans are exported."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry
from starlette.responses import Response

from chassis.observability import tracing
from chassis.observability.health import Health
from chassis.web import server_span
from chassis.web.observe import TELEMETRY
from chassis.web.operations import observe, probe_routes

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a collector would receive: OpenTelemetry allows one provider per process, so that this one is injected."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(server_span, "tracer", lambda: provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


@pytest.fixture
def app() -> FastAPI:
    tracing.configure("validator")
    app = FastAPI(telemetry=TELEMETRY)
    health = Health("validator")
    app.router.routes.extend(probe_routes(health))

    @app.get("/jobs/{job_id}")
    async def job(job_id: str) -> str | None:
        return tracing.current_traceparent()

    @app.get("/broken")
    async def broken() -> Response:
        return Response(status_code=502)

    observe(app, health, CollectorRegistry())
    return app


async def test_each_request_is_one_span(client: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    sent = {"traceparent": PARENT, "tracestate": "vendor=1"}
    answer = await client.get("/jobs/j-7?token=abcdefghij&view=full", headers=sent)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("GET /jobs/{job_id}", SpanKind.SERVER)
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    context = span.get_span_context()
    assert context.trace_state.get("vendor") == "1"
    assert answer.headers["traceparent"] == answer.json() == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    assert f"{context.trace_id:032x}" == PARENT.split("-")[1]
    attributes = dict(span.attributes or {})
    assert attributes["http.request.method"] == "GET"
    assert (attributes["http.route"], attributes["url.path"]) == ("/jobs/{job_id}", "/jobs/j-7")
    assert (attributes["http.response.status_code"], attributes["url.scheme"]) == (200, "http")
    assert "view=full" in str(attributes["url.query"])
    assert "abcdefghij" not in str(attributes)


async def test_what_failed_is_marked(client: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    await client.get("/broken")
    await client.get("/nowhere")
    failed, unknown = spans.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR
    assert dict(failed.attributes or {})["error.type"] == "502"
    assert (unknown.name, unknown.status.status_code) == ("GET unmatched", StatusCode.UNSET)


async def test_probes_make_no_spans(client: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    await client.get("/health/live")
    assert spans.get_finished_spans() == ()
