"""Spans of what went on elsewhere, told afterwards."""

from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.observability import tracing
from chassis.observability.propagation import trace_id_of

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", lambda: provider.get_tracer("test"))
    return exporter


@pytest.mark.parametrize("seconds", [90, -1])
def test_a_stage_is_a_child_of_what_is_going_on_with_its_own_times(spans: InMemorySpanExporter, seconds: int) -> None:
    with tracing.span_from(PARENT, "handling"):
        tracing.record_span("job training", BEGAN, BEGAN + timedelta(seconds=seconds), job_id="j", attempt=2)
    stage, _ = spans.get_finished_spans()
    assert (stage.end_time - stage.start_time) / 1e9 == max(0, seconds)  # clocks differ: never before its beginning
    assert stage.attributes == {"job_id": "j", "attempt": 2}
    assert format(stage.context.trace_id, "032x") == trace_id_of(PARENT)


@pytest.mark.parametrize("text", [None, "", "00-short-b7ad6b7169203331-01", "nothing"])
def test_a_malformed_parent_has_no_trace(text: str | None) -> None:
    assert trace_id_of(text) is None


def test_work_by_time_belongs_to_the_trace_of_what_it_works_on() -> None:
    assert tracing.current_ids() is None
    with tracing.continued(PARENT):
        assert tracing.current_trace_id() == trace_id_of(PARENT)
    with tracing.continued(None):
        assert tracing.current_ids() is None
