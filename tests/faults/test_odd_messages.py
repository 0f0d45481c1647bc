"""F17, the trainer's side: a message that no stream takes must not hold up those that follow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contracts.events import MetricsReported
from stack.parts import NatsPart
from tests.trainer_image.runs import stored
from tests.trainer_image.test_reporter import end, spec, warn
from trainer_image.reporter import Reporter


async def test_a_report_too_large_for_its_stream_is_left_out_and_the_rest_arrives(
    topology: NatsPart, jetstream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_image.reporter._RETRY_S", 0.02)
    reporter = Reporter(spec(topology.url), "", tmp_path, on_stop=print)
    reporter.start()
    steps = tuple(range(1, 2001))
    warn(reporter, range(3))
    reporter.publish(MetricsReported, steps=steps, times=tuple(map(float, steps)),
                     values={f"layer_{number}": tuple(map(float, steps)) for number in range(50)})
    reporter.publish(MetricsReported, steps=(1,), times=(1.0,), values={"loss": (0.5,)})
    warn(reporter, range(3, 6))
    assert await asyncio.to_thread(reporter.drain, 20.0)
    told = await stored(jetstream, "TRAINING", reporter.spec.job_id)
    assert [event.data.code for event in told] == [f"w{number}" for number in range(6)]
    assert [event.data.steps for event in await stored(jetstream, "METRICS", reporter.spec.job_id)] == [(1,)]
    await end(reporter)
