"""Metrics as they come from pods: read fast, and judged exactly as the contract judges them."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.messaging.raw_message import RawMessage
from chassis.messaging.retry import Failure, classify
from contracts import generate
from contracts.registry import parse_event
from services.metrics_ingest.domain.curves import pack_ints, unpack_ints
from services.metrics_ingest.subscribers.decoding import read_report
from tests.fuzz.budget import fuzzed
from tests.fuzz.mutations import broken, damaged

EXAMPLES = [path.read_bytes() for path in sorted((generate.ROOT / "examples").glob("metrics.reported*.json"))]
VALUES = [None, 0, -1, 1.5, 1e308, 10**30, "NaN", "Infinity", "-Infinity", "nan", True, [], float("nan")]


def assert_tells(error: Exception) -> None:
    assert classify(error) is Failure.PERMANENT, f"this would be tried again: {error!r}"
    assert str(error)


def check(raw: bytes) -> None:
    """Either a report whose columns are equally long, or one of the errors that make it a dead letter."""
    try:
        report = read_report(received(raw))
    except Exception as error:
        assert_tells(error)
        return
    assert parse_event(raw).data.attempt == report.attempt
    assert len(report.steps) == len(report.times) == len(report.values) == len(report.name_index)
    assert np.isfinite(report.times).all()


def received(raw: bytes) -> RawMessage:
    return RawMessage(subject_of(raw), raw, "METRICS", 1, 1)


def subject_of(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["subject"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "metrics.reported.x"


@pytest.mark.fuzz
def test_the_examples_themselves():
    assert EXAMPLES
    for raw in EXAMPLES:
        read_report(received(raw))


@fuzzed
@given(st.data(), st.sampled_from(EXAMPLES))
def test_damage_to_the_structure(data, raw):
    check(json.dumps(data.draw(damaged(json.loads(raw)))).encode())


@fuzzed
@given(st.data(), st.sampled_from(EXAMPLES))
def test_damage_to_the_bytes(data, raw):
    check(data.draw(broken(raw)))


@fuzzed
@given(st.sampled_from(EXAMPLES), st.dictionaries(
    st.sampled_from(["loss", "a/b.c-d", "x" * 101, "", "é", "1a"]), st.lists(st.sampled_from(VALUES), max_size=4),
    max_size=4), st.lists(st.sampled_from([0, 1, 7, 2**31 - 1, 2**31, 2**70, -1, 1.0, True]), max_size=4))
@example(EXAMPLES[0], {"loss": [10**30]}, [1])
def test_other_columns(raw, values, steps):
    message = json.loads(raw)
    message["data"] |= {"values": values, "steps": steps, "times": [0.5] * len(steps)}
    check(json.dumps(message).encode())


@fuzzed
@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=50) | st.builds(
    lambda first, step, count: list(range(first, first + step * count, step)),
    st.integers(0, 1000), st.integers(1, 1000), st.integers(1, 500)))
def test_packed_steps_come_back(values):
    column = np.array(values, dtype=np.int32)
    assert (unpack_ints(pack_ints(column), len(column)) == column).all()
