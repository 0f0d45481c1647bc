"""Speed and time left, as a GPU would have them: work is queued at once and done later."""

import json
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from transformers import TrainerControl, TrainerState

from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from trainer_image import lora_trainer
from trainer_image.data import Sample
from trainer_image.journal import Journal
from trainer_image.lora_trainer import LoraTrainer
from trainer_image.machine import GpuReadings
from trainer_image.metric_series import MetricSeries
from trainer_image.progress import Progress
from trainer_image.reporter import Reporter
from trainer_image.sampling import SampleRecord
from trainer_image.training_clock import TrainingClock

TOKENS, STEPS = 3000, 10
QUEUEING_S, COMPUTING_S = 1.0, 2.0
SAMPLE = Sample("c", None, (), [1], [1])


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    job = uuid4()
    spec = PodSpec(job_id=job, workspace_id=uuid4(), attempt=1, pod_name=f"job-{job}-a1", nats_url="nats://127.0.0.1:1",
                   base_model="none", hyperparameters=PRESETS["balanced"].hyperparameters, training_file_sha256="",
                   max_duration_s=60)
    return Reporter(spec, "", tmp_path, on_stop=print)


class Gpu:
    """Steps on a device that computes beside the program: `on_step_end` comes when the work is queued, the log when
    it is done, since it reads the loss."""

    def __init__(self, reporter: Reporter, folder: Path) -> None:
        self.now = 100.0
        self.clock = TrainingClock(lambda: self.now)
        self.metrics = MetricSeries(reporter)
        self.record = SampleRecord([SAMPLE], folder / "samples.jsonl")
        self.progress = Progress(reporter, self.metrics, SimpleNamespace(due=lambda *_: False),  # type: ignore[arg-type]
                                 GpuReadings(), self.record, self.clock)
        self.state, self.control = TrainerState(max_steps=STEPS), TrainerControl()

    def step(self) -> None:
        self.progress.on_step_begin(None, self.state, self.control)
        self.record.current = [SAMPLE, SAMPLE]
        self.now += QUEUEING_S
        self.state.global_step += 1
        self.progress.on_step_end(None, self.state, self.control)
        self.now += COMPUTING_S
        logs = {"loss": 1.0, "learning_rate": 1e-4, "num_tokens": float(TOKENS * self.state.global_step)}
        self.progress.on_log(None, self.state, self.control, logs)

    def values(self, name: str) -> list[float]:
        return [row[name] for row in self.metrics.rows()]


@pytest.fixture
def gpu(reporter: Reporter, tmp_path: Path) -> Gpu:
    return Gpu(reporter, tmp_path)


def test_speed_is_measured_until_the_work_is_done(gpu: Gpu) -> None:
    for _ in range(3):
        gpu.step()
    seconds = QUEUEING_S + COMPUTING_S
    assert gpu.values("tokens_per_second") == [TOKENS / seconds] * 3
    assert gpu.values("samples_per_second") == [2 / seconds] * 3
    assert gpu.values("eta_s") == [seconds * (STEPS - step) for step in (1, 2, 3)]


def test_evaluations_and_snapshots_are_not_training(gpu: Gpu) -> None:
    gpu.step()
    for seconds in (7.0, 4.0):
        with gpu.clock.paused():
            gpu.now += seconds
    gpu.step()
    assert gpu.values("tokens_per_second") == [TOKENS / 3.0] * 2


def test_what_comes_before_the_first_step_is_not_training(gpu: Gpu) -> None:
    """Skipping the data of an attempt before, and the first evaluation."""
    gpu.now += 50.0
    gpu.step()
    assert gpu.values("tokens_per_second") == [TOKENS / 3.0]


def test_the_points_of_a_step_are_told_ahead_of_it_and_each_step_once(gpu: Gpu, tmp_path: Path) -> None:
    """What hears of a step asks for its points: they are on their way."""
    def told() -> list[tuple[str, int]]:
        events = [json.loads(entry.payload)["data"] for entry in Journal(tmp_path / "events.journal").read(0, 100)]
        return [("progress", data["step"]) if "step" in data else ("points", *data["steps"]) for data in events]

    gpu.step()  # the first at once
    assert told() == [("points", 1), ("progress", 1)]
    gpu.step()
    gpu.step()
    assert len(told()) == 2
    gpu.progress.tell()
    gpu.progress.tell()
    assert told()[2:] == [("points", 2, 3), ("progress", 3)]
    gpu.state.global_step = STEPS - 1
    gpu.step()  # the last at once
    assert told()[4:] == [("points", STEPS), ("progress", STEPS)]


class Paused:
    """A trainer as far as its evaluation and its snapshot see it; both note whether the clock stood still."""

    def __init__(self, gpu: Gpu) -> None:
        self.clock, self.held_out, self.model, self.args = gpu.clock, [SAMPLE], None, None
        self.state, self.control, self.metrics_series, self.recipe = gpu.state, gpu.control, gpu.metrics, None
        self.callback_handler = SimpleNamespace(on_evaluate=lambda *_: None)
        self.checkpoints = SimpleNamespace(folder_for=lambda _: None, save=lambda *_: None, not_taken=lambda *_: None,
                                           finish=lambda: True)


@pytest.mark.parametrize(("work", "inside"), [
    (lambda trainer: LoraTrainer.evaluate(trainer), "likelihoods"),
    (lambda trainer: LoraTrainer._save_checkpoint(trainer, None, None), "take_snapshot"),
])
def test_the_trainer_stops_the_clock_for_what_is_not_training(monkeypatch, gpu: Gpu, work, inside: str) -> None:
    def takes_long(*_: object) -> dict[str, float]:
        gpu.now += 60.0
        return {SAMPLE.key: 1.0}

    monkeypatch.setattr(lora_trainer, inside, takes_long)
    gpu.step()
    work(Paused(gpu))
    gpu.step()
    assert gpu.values("tokens_per_second") == [TOKENS / 3.0] * 2
