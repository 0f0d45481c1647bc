"""Columns, attempts and thinning."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chassis.messaging.raw_message import RawMessage, read_event
from chassis.messaging.retry import Failure, Permanent, classify
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.identifiers import uuid7
from services.metrics_ingest.domain.attempts import effective, last_valid_steps, superseded
from services.metrics_ingest.domain.curves import Curve, pack_ints, unpack_ints
from services.metrics_ingest.domain.points import LARGEST, Points
from services.metrics_ingest.domain.thinning import evenly, thin
from services.metrics_ingest.subscribers.decoding import read_report


def curve(*points: tuple[int, int, float]) -> Curve:
    steps, attempts, values = zip(*points, strict=True)
    return Curve(np.array(steps, np.int32), np.array(attempts, np.int32), np.zeros(len(steps)), np.array(values))


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


def test_what_an_older_attempt_did_beyond_the_resume_point_is_superseded() -> None:
    assert last_valid_steps({1: 0, 2: 100, 3: 60}) == {3: LARGEST, 2: 60, 1: 60}
    steps, attempts = np.array([60, 61, 100, 101, 200], np.int32), np.array([1, 1, 2, 2, 3], np.int32)
    assert superseded(steps, attempts, {1: 0, 2: 100, 3: 60}).tolist() == [False, True, True, True, False]


def test_a_step_has_one_effective_point_of_the_newest_attempt() -> None:
    found = effective(curve((3, 2, 3.2), (1, 1, 1.1), (2, 1, 2.1), (2, 2, 2.2), (3, 1, 3.1)), {1: 0, 2: 2})
    assert found.step.tolist() == [1, 2, 3]
    assert found.value.tolist() == [1.1, 2.2, 3.2]


@given(st.lists(st.integers(0, LARGEST), max_size=20))
def test_packed_integers_come_back(values: list[int]) -> None:
    assert unpack_ints(pack_ints(np.array(values, np.int32)), len(values)).tolist() == values


def test_evenly_spaced_steps_take_eight_bytes() -> None:
    steps = np.arange(10, 50_000, 10, dtype=np.int32)
    assert len(pack_ints(steps)) == 8
    assert (unpack_ints(pack_ints(steps), len(steps)) == steps).all()


def test_thinning_keeps_ends_and_the_extremes_of_every_slice() -> None:
    noise = np.random.default_rng(3)
    values = noise.normal(size=100_000)
    values[[12_345, 12_346, 70_001]] = [50.0, -50.0, 40.0]  # a peak beside a trough: both must survive
    steps = np.arange(100_000, dtype=np.int32)
    chosen, flagged = thin(steps, values, 500)
    assert len(chosen) <= 500
    assert not len(flagged)
    assert {0, 12_345, 12_346, 70_001, 99_999} <= set(chosen.tolist())
    kept = values[chosen]
    for at in range(0, 99_000, 900):  # twice the width of a slice and more: a whole slice lies within
        nearby = (chosen >= at) & (chosen < at + 900)
        inner = values[at + 405 : at + 495]
        assert kept[nearby].max() >= inner.max()
        assert kept[nearby].min() <= inner.min()


def test_thinning_hides_neither_values_nor_what_is_no_number() -> None:
    values = np.ones(10_000)
    values[5_000:9_000] = math.nan
    values[100] = math.inf
    values[9_500] = 7.0
    chosen, flagged = thin(np.arange(10_000, dtype=np.int32), values, 200)
    assert len(chosen) <= 200
    assert len(flagged) == 4_001
    assert 100 in chosen
    assert 9_500 in chosen
    assert np.isnan(values[chosen]).sum() > 10


def test_nothing_but_nan_is_thinned_too() -> None:
    chosen, flagged = thin(np.arange(5_000, dtype=np.int32), np.full(5_000, math.nan), 100)
    assert 0 < len(chosen) <= 100
    assert len(flagged) == 5_000
    assert evenly(flagged, 3).tolist() == [0, 2500, 4999] or len(evenly(flagged, 3)) == 3


@pytest.mark.parametrize("points", [10, 11, 200, 5_000])
def test_thinning_never_exceeds_its_budget(points: int) -> None:
    values = np.random.default_rng(1).normal(size=30_000)
    values[::7] = math.nan
    assert len(thin(np.arange(30_000, dtype=np.int32), values, points)[0]) <= points


def test_blocks_and_key_order() -> None:
    column = np.array([4_097, 1, 4_095, 4_096], np.int32)
    one, zeros = np.ones(4, np.int32), np.zeros(4)
    points = Points(one, one, column, one, zeros, zeros).in_key_order()
    assert points.step.tolist() == [1, 4_095, 4_096, 4_097]
    assert points.blocks() == [(1, 0), (1, 1)]


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


def test_steps_beyond_the_column_are_refused() -> None:
    with pytest.raises(Permanent, match="cannot be stored"):
        read_report(raw(REPORT, data__steps=[1, LARGEST + 1]))
