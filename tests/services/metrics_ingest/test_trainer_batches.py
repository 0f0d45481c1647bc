"""What a trainer sends fits into what the stream takes."""

import sys
from typing import Any

from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.events.metrics import METRIC_NAMES
from contracts.identifiers import uuid7
from contracts.streams import STREAMS
from trainer_image.metric_series import MAX_POINTS, MetricSeries
from trainer_image.reporter import TICK_S

LONGEST = -sys.float_info.min  # -2.2250738585072014e-308, as long as a number gets
METRICS = next(stream for stream in STREAMS if stream.name == "METRICS")


class Voice:
    """Keeps what the trainer publishes."""

    def __init__(self) -> None:
        self.published: list[MetricsReported] = []

    def publish(self, model: type[MetricsReported], **fields: Any) -> None:
        self.published.append(model(job_id=uuid7(), workspace_id=uuid7(), attempt=1_000, sequence=10**9, **fields))

    say = publish


def test_the_largest_batch_of_a_trainer_fits_the_stream_three_times_over() -> None:
    voice = Voice()
    series = MetricSeries(voice)  # type: ignore[arg-type]
    for step in range(2 * MAX_POINTS):
        series.add(2**31 - 1 - step, **dict.fromkeys(METRIC_NAMES, LONGEST))
    limit = METRICS.max_msg_size
    sizes = [len(new_event(data, source="/trainer").to_bytes()) for data in voice.published]
    assert len(sizes) == 2
    assert 12_000 < max(sizes) < limit / 3


def test_hours_of_a_trainers_reports_wait_for_the_service() -> None:
    """It reports once a second."""
    assert METRICS.max_msgs_per_subject * TICK_S > 4 * 3600
