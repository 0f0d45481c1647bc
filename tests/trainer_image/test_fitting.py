"""Whatever goes wrong, the trainer can say so: its words fit into a message of their stream."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.error_taxonomy import TrainingErrorType
from contracts.events import (
    ArtifactFile,
    CheckpointSaved,
    InterruptionSource,
    PodInterrupted,
    TrainingCompleted,
    TrainingFailed,
    TrainingStageChanged,
    TrainingWarning,
)
from contracts.events.checkpoint import CheckpointFile
from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from contracts.streams import STREAMS, stream_of
from trainer_image.divergence import STEPS_UNTIL_STOP, LossGuard
from trainer_image.errors import Diverged
from trainer_image.fitting import fitting
from trainer_image.reporter import Reporter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# The largest step there is (64 conversations 128 times), and names as long as a file may hold.
CONVERSATIONS = [f'"{number}" (id {"é" * 2_000})' for number in range(64 * 128)]


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    job = uuid4()
    spec = PodSpec(job_id=job, workspace_id=uuid4(), attempt=1, pod_name=f"job-{job}-a1", nats_url="nats://127.0.0.1:1",
                   base_model="none", hyperparameters=PRESETS["balanced"].hyperparameters, training_file_sha256="",
                   max_duration_s=60)
    return Reporter(spec, "", tmp_path, on_stop=print)


def fits(event: Any) -> bool:
    spec = next(spec for spec in STREAMS if spec.name == stream_of(event.subject))
    headers = 200
    return len(event.to_bytes()) + headers <= spec.max_msg_size


def diverged() -> Diverged:
    class Nobody:
        def warn(self, *_: Any) -> None:
            pass

    guard = LossGuard(Nobody())  # type: ignore[arg-type]
    for step in range(1, STEPS_UNTIL_STOP):
        guard.check(step, float("nan"), CONVERSATIONS)
    with pytest.raises(Diverged) as caught:
        guard.check(STEPS_UNTIL_STOP, float("nan"), CONVERSATIONS)
    return caught.value


def test_a_failure_that_names_thousands_of_conversations_fits(reporter: Reporter) -> None:
    failure = diverged()
    event = reporter.prepare(
        TrainingFailed, error_type=TrainingErrorType.DIVERGED, message=str(failure), suggested_fix="x" * 10**6,
        retryable=False, context={**failure.context, "other": {str(n): "y" * 9_000 for n in range(9_000)}},
        failed_at=NOW)
    assert fits(event)
    assert event.data.message.startswith("The training diverged: the loss was no number in 3 steps in a row")
    assert "more characters)" in event.data.message


@pytest.mark.parametrize(("model", "fields"), [
    (TrainingWarning, {"code": "loss_not_finite", "message": ", ".join(CONVERSATIONS)}),
    (TrainingStageChanged, {"stage": "training", "message": "\x00" * 10**6, "details": {"names": CONVERSATIONS}}),
    (PodInterrupted, {"pod_name": "p", "detected_by": InterruptionSource.SIGTERM, "reason": "😀" * 10**6,
                      "last_step": 1, "interrupted_at": NOW}),
], ids=["warning", "stage", "interruption"])
def test_other_words_fit(reporter: Reporter, model: Any, fields: dict[str, Any]) -> None:
    assert fits(reporter.prepare(model, **fields))


def test_what_fits_is_said_in_full() -> None:
    fields = {"message": "m" * 20_000, "context": {"names": ["n"] * 500, "step": 3}, "step": 3}
    assert fitting(fields) == fields


def test_figures_survive_the_cut() -> None:
    cut = fitting({"message": "m" * 100_000, "context": {"step": 3, "names": ["n"] * 500}, "retryable": True})
    assert (cut["context"]["step"], cut["retryable"]) == (3, True)
    assert cut["context"]["names"][-1] == "... and 400 more"


def test_the_largest_checkpoint_and_delivery_fit(reporter: Reporter) -> None:
    """128 GiB of checkpoint in parts, and four times as many artifacts as there are."""
    key = f"{uuid4()}/{uuid4()}/a100/step-1000000/"
    names = [f"optimizer_states/part-{number:08}.safetensors" for number in range(128)]
    files = [{"path": name, "key": key + name, "size_bytes": 2**30, "sha256": "f" * 64} for name in names]
    assert fits(reporter.prepare(
        CheckpointSaved, step=10**6, bucket="training-checkpoints", prefix=key, manifest_key=key + "manifest.json",
        manifest_sha256="f" * 64, files=tuple(CheckpointFile(**file) for file in files), size_bytes=2**37,
        saved_at=NOW))
    assert fits(reporter.prepare(
        TrainingCompleted, bucket="model-artifacts", artifacts=tuple(ArtifactFile(**file) for file in files[:64]),
        base_model="b" * 500, total_steps=1, epochs=1.0, training_seconds=1.0, completed_at=NOW,
        versions={f"library-{number}": "1.2.3+cu128" for number in range(50)}))
