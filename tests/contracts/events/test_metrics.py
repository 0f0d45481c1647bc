"""A report of metrics comes back as it was written."""

import json
import math

import pytest

from contracts import generate
from contracts.registry import parse_event

EXAMPLE = json.loads((generate.ROOT / "examples" / "metrics.reported.json").read_bytes())


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_survives_writing(time: float) -> None:
    message = EXAMPLE | {"data": EXAMPLE["data"] | {"times": [time, 1.5]}}
    event = parse_event(json.dumps(message).encode())
    again = parse_event(event.to_bytes())
    assert str(again.data.times) == str(event.data.times) == str((time, 1.5))
