"""What the pod of one job can hold of a stream, by the tables."""

from dataclasses import replace

import pytest

from contracts.pod_subjects import LARGEST_SHARE_OF_A_JOB, pod_subjects, share_of_a_job
from contracts.streams import CONSUMERS, MOVES, RETIRED, STREAMS, StreamSpec, stream_of

GIB, MIB, KIB = 1024**3, 1024**2, 1024
FILLED_BY_PODS = [stream for stream in STREAMS if any(stream_of(subject) == stream.name for subject in pod_subjects())]


@pytest.mark.parametrize("stream", FILLED_BY_PODS, ids=lambda stream: stream.name)
def test_one_job_holds_an_eighth_of_a_stream_at_most(stream: StreamSpec) -> None:
    assert 0 < share_of_a_job(stream) <= LARGEST_SHARE_OF_A_JOB


def test_the_streams_that_pods_fill() -> None:
    assert {stream.name for stream in FILLED_BY_PODS} == {"PODS", "TRAINING", "EVALUATIONS", "METRICS", "LOGS"}


@pytest.mark.parametrize(
    ("too_generous", "share"),
    [
        (StreamSpec("PODS", ("pod.>",), "", max_msgs_per_subject=1_000), 1_000 * MIB / (2 * GIB)),
        (StreamSpec("TRAINING", ("training.>",), "", max_msg_size=8 * MIB, max_msgs_per_subject=100_000),
         9 * 100_000 * 8 * MIB / (2 * GIB)),
        (StreamSpec("METRICS", ("metrics.>",), "", max_bytes=8 * GIB, max_msg_size=256 * KIB,
                    max_msgs_per_subject=300_000), 300_000 * 256 * KIB / (8 * GIB)),
        (StreamSpec("METRICS", ("metrics.>",), ""), float("inf")),
    ],
    ids=["pods", "training", "metrics", "without a limit"],
)
def test_a_share_that_is_too_large_is_found(too_generous: StreamSpec, share: float) -> None:
    assert share_of_a_job(too_generous) == share > LARGEST_SHARE_OF_A_JOB


def test_a_stream_that_pods_do_not_fill_has_no_share() -> None:
    assert share_of_a_job(replace(STREAMS[0], name="JOBS")) == 0


def test_moves_and_retired_durables_name_what_the_tables_say_now() -> None:
    streams = {stream.name: stream for stream in STREAMS}
    for move in MOVES:
        assert move.subjects in streams[move.target].subjects
        assert move.subjects not in streams[move.source].subjects
    assert not {retired.durable for retired in RETIRED} & {consumer.durable for consumer in CONSUMERS}
