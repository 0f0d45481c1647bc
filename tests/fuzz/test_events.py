"""Whatever comes over the broker: an event, or one of the errors that send it to the dead letters at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import generate
from contracts.envelope import Event
from contracts.registry import UnknownEventType, by_type, parse_event
from tests.fuzz.budget import fuzzed
from tests.fuzz.mutations import broken, damaged

EXAMPLES = {path.stem: path.read_bytes() for path in sorted(Path(generate.ROOT / "examples").glob("*.json"))}


def assert_tells(error: Exception) -> None:
    assert str(error)


def check(raw: bytes) -> None:
    try:
        event = parse_event(raw)
    except (json.JSONDecodeError, UnicodeDecodeError, UnknownEventType, ValidationError) as error:
        assert_tells(error)
        return
    assert event.type in by_type()
    if is_finite(event):
        assert parse_event(event.to_bytes()).to_bytes() == event.to_bytes()


def is_finite(event: Event[Any]) -> bool:
    """JSON has no NaN: but for reports of metrics it is written as null, which a field that must be there refuses."""
    try:
        json.dumps(event.model_dump(), allow_nan=False, default=str)
    except ValueError:
        return False
    return True


@fuzzed
@given(st.binary(max_size=300))
@example(b"\xff not json")
@example(b"[" * 100_000)
@example(b'{"type": ' + b"9" * 5000 + b"}")
@example('{"type": "brightrun.pod.running.v1"}'.encode("utf-16"))
@example(b'{"type": "\\ud800"}')
def test_arbitrary_bytes(raw):
    check(raw)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_themselves(name):
    check(EXAMPLES[name])


@fuzzed
@given(st.data(), st.sampled_from(sorted(EXAMPLES)))
def test_damage_to_the_structure(data, name):
    check(json.dumps(data.draw(damaged(json.loads(EXAMPLES[name])))).encode())


@fuzzed
@given(st.data(), st.sampled_from(sorted(EXAMPLES)))
def test_damage_to_the_bytes(data, name):
    check(data.draw(broken(EXAMPLES[name])))
