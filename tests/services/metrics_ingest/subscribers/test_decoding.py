"""Messages become reports, judged exactly as the contract judges them."""

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from chassis.messaging.raw_message import RawMessage, read_event
from chassis.messaging.retry import Failure, Permanent, classify
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.identifiers import uuid7
from services.metrics_ingest.domain.attempts import MOST_ATTEMPTS
from services.metrics_ingest.domain.points import LARGEST
from services.metrics_ingest.subscribers.decoding import read_report


def raw(data: MetricsReported, /, **spoilt: object) -> RawMessage:
    envelope = json.loads(new_event(data, source="/trainer").to_bytes())
    for path, value in spoilt.items():
        place = envelope
        *folders, name = path.split("__")
        for folder in folders:
            place = place[folder]
        place[name] = value
    return RawMessage(data.subject(), json.dumps(envelope).encode(), "METRICS", 1, 1)


REPORT = MetricsReported(
    job_id=uuid7(), workspace_id=uuid7(), attempt=1, steps=(1, 2), times=(1.0, 2.0), values={"loss": (0.5, 0.25)}
)  # fmt: skip


def test_a_null_is_no_point_and_a_nan_is_one() -> None:
    data = REPORT.model_copy(update={"values": {"loss": (math.nan, None), "learning_rate": (None, -math.inf)}})
    report = read_report(raw(data))
    assert report.steps.tolist() == [1, 2]
    assert [report.names[i] for i in report.name_index] == ["loss", "learning_rate"]
    assert math.isnan(report.values[0])
    assert report.values[1] == -math.inf


def test_a_time_that_is_no_number_becomes_the_envelopes() -> None:
    report = read_report(raw(REPORT, data__times=[1.0, "NaN"]))
    assert report.times[0] == 1.0
    assert report.times[1] == pytest.approx(report.time)


ODD = [
    {"data__steps": [1]}, {"data__steps": []}, {"data__steps": [-1, 2]}, {"data__steps": ["1", 2]},
    {"data__steps": [1.0, 2.0]}, {"data__steps": [1.5, 2]}, {"data__times": [1]}, {"data__times": ["1.5", 2]},
    {"data__values": {}}, {"data__values": {"loss": [1]}}, {"data__values": {"loss": ["0.5", 1]}},
    {"data__values": {"loss": ["nan", 1]}}, {"data__values": {"loss": ["x", 1]}}, {"data__values": {"loss": [True, 1]}},
    {"data__values": {"loss": "ab"}}, {"data__values": {str(n): [1, 2] for n in range(65)}}, {"data__attempt": 0},
    {"data__attempt": "2"}, {"data__job_id": "x"}, {"data__job_id": "01900000-0000-7000-8000-0000000000ff"},
    {"data__sequence": -1},
    {"data__resumed_from_step": -1}, {"subject": "metrics.reported.x"}, {"type": "brightrun.job.deleted.v1"},
    {"type": "x"}, {"specversion": "0.3"}, {"time": "yesterday"}, {"time": "2026-11-22T12:00:00"}, {"id": "x"},
    {"data": None}, {"data__unknown": 1}, {"datacontenttype": "text/plain"}, {"traceparent": None},
]  # fmt: skip


def judged_by_the_contract(message: RawMessage) -> MetricsReported | None:
    try:
        event = read_event(message)
    except Exception:
        return None
    return event.data if isinstance(event.data, MetricsReported) else None


@pytest.mark.parametrize("spoilt", ODD, ids=lambda spoilt: json.dumps(spoilt)[:60])
def test_the_fast_reader_judges_as_the_contract(spoilt: dict[str, object]) -> None:
    message = raw(REPORT, **spoilt)
    expected = judged_by_the_contract(message)
    if expected is None:
        with pytest.raises((ValidationError, ValueError, Permanent)) as refusal:
            read_report(message)
        assert classify(refusal.value) is Failure.PERMANENT
        return
    report = read_report(message)
    assert report.steps.tolist() == list(expected.steps)
    assert np.array_equal(report.values, np.array(expected.values["loss"], float), equal_nan=True)
    assert (report.job_id, report.attempt) == (expected.job_id, expected.attempt)


@pytest.mark.parametrize("name", ["", "a b", "loss\x00", "x" * 101, "'; drop table jobs"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(Permanent, match="no name of a metric"):
        read_report(raw(REPORT, data__values={name: [1, 2]}))


def test_a_column_of_nulls_reports_no_metric() -> None:
    report = read_report(raw(REPORT, data__values={"loss": [None, None], "learning_rate": [None, 1]}))
    assert (report.names, report.steps.tolist()) == (("learning_rate",), [2])
    assert len(read_report(raw(REPORT, data__values={"loss": [None, None]}))) == 0


def test_attempts_beyond_all_reason_are_refused() -> None:
    assert read_report(raw(REPORT, data__attempt=MOST_ATTEMPTS)).attempt == MOST_ATTEMPTS
    with pytest.raises(Permanent, match="attempt"):
        read_report(raw(REPORT, data__attempt=MOST_ATTEMPTS + 1))


def test_steps_beyond_the_column_are_refused() -> None:
    with pytest.raises(Permanent, match="cannot be stored"):
        read_report(raw(REPORT, data__steps=[1, LARGEST + 1]))
