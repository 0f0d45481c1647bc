"""A trainer without a model: it says, asks, stores and survives all that a pod does, by the simulated clock.

Reporting, spool, signed URLs, checkpoints, resume and result are `trainer_image`'s own code; only the computing is left
out. Its state is a chain of hashes, one link for each step: whoever left a step out or did one twice ends elsewhere.
"""

from __future__ import annotations

import json
import math
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from benchmarks.fleet.pace import Pace
from benchmarks.fleet.reporting import MachineGone, SharedLoop, SharedLoopReporter
from contracts.events import (
    ArtifactFile,
    ConversationLikelihood,
    EvaluationGenerated,
    InterruptionSource,
    PodInterrupted,
    TrainingCompleted,
    TrainingProgressed,
    TrainingResumed,
    TrainingStarted,
)
from contracts.job_status import JobStatus
from trainer_image.checkpoints import Checkpoints
from trainer_image.environment import TrainerEnvironment
from trainer_image.exit_codes import ExitCode
from trainer_image.hub import BaseModelFiles
from trainer_image.metric_series import MetricSeries
from trainer_image.objects import Objects
from trainer_image.result import upload_result
from trainer_image.resume import ResumePoint, newest_usable_checkpoint, recipe

SIGKILL_EXIT = 137
_PROGRESS_EVERY_S = 2.0
_LOSS_OF_ATTEMPT = 1e-6


@dataclass
class Deeds:
    """What this attempt really did: the other side of what the services believe. Times in Unix seconds."""

    job_id: str
    attempt: int
    resumed_from: int = 0
    resumed_attempt: int = 0
    last_step: int = 0
    first_step_at: float = 0.0
    state: str = ""
    completed: bool = False
    # Of events that were made some time before they were sent.
    sent_at: dict[str, float] = field(default_factory=dict)


def next_state(state: str, step: int) -> str:
    return sha256(f"{state}/{step}".encode()).hexdigest()


def final_state(steps: int) -> str:
    state = ""
    for step in range(1, steps + 1):
        state = next_state(state, step)
    return state


def loss_at(step: int, attempt: int) -> float:
    """Says who computed it: `attempt_of` reads it back."""
    return 0.5 + 2.0 * math.exp(-step / 60) + attempt * _LOSS_OF_ATTEMPT


def attempt_of(loss: float, step: int) -> int:
    return round((loss - loss_at(step, 0)) / _LOSS_OF_ATTEMPT)


@dataclass(frozen=True)
class StateFile:
    """A snapshot as `Checkpoints` takes it, without a tensor in it."""

    step: int
    folder: Path
    content: dict[str, Any]
    finite: bool = True
    size_bytes: int = 65_536

    def write(self) -> None:
        for name, value in self.content.items():
            (self.folder / name).write_text(json.dumps(value))
        (self.folder / "adapter_model.safetensors").write_bytes(_weights(self.content["trainer_state.json"]["state"]))

    def readable(self) -> bool:
        return all((self.folder / name).exists() for name in self.content)


class SimulatedTrainer:
    """One attempt. `on_exit(exit code, deeds)` is called once, from any thread."""

    def __init__(
        self, environment: TrainerEnvironment, pace: Pace, loop: SharedLoop, on_exit: Callable[[int, Deeds], None]
    ) -> None:
        self.spec, self.pace, self.folder = environment.spec, pace, environment.work_dir
        self.deeds = Deeds(str(self.spec.job_id), self.spec.attempt)
        self._on_exit, self._gone, self._leaving = on_exit, threading.Event(), threading.Lock()
        self._checkpoints: Checkpoints | None = None
        self._metrics: MetricSeries | None = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reporter = SharedLoopReporter(
            self.spec, environment.nats_credentials, self.folder, loop=loop, gone=self._gone,
            on_stop=lambda _: self._leave(ExitCode.STOPPED))

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.spec.pod_name, daemon=True).start()

    def terminate(self) -> None:
        """SIGTERM: the event first, then whatever still fits."""
        threading.Thread(target=self._interrupted, daemon=True).start()

    def kill(self) -> None:
        self._leave(SIGKILL_EXIT)

    def _leave(self, code: int) -> None:
        if self._leaving.acquire(blocking=False):
            self._gone.set()
            self.reporter.disconnect()
            self._on_exit(int(code), self.deeds)

    def _run(self) -> None:
        try:
            self._attempt()
            self._leave(ExitCode.COMPLETED)
        except MachineGone:
            return
        except BaseException:
            (self.folder.parent / "container.log").write_text(traceback.format_exc())
            self._leave(ExitCode.FAILED)

    def _attempt(self) -> None:
        reporter = self.reporter
        reporter.publish(TrainingStarted, pid=0, host="simulated", started_at=datetime.now(UTC))
        reporter.start()
        reporter.enter(JobStatus.PREPROCESSING)
        objects = Objects(reporter)
        conversations = objects.get_bytes("training_file", "", self.spec.training_file_sha256).splitlines()
        reporter.enter(JobStatus.MODEL_LOADING, f"{len(conversations)} conversations")
        found = newest_usable_checkpoint(reporter, objects, self.folder / "checkpoints", self._recipe())
        self._wait(self.pace.load_s)
        self._metrics = metrics = MetricSeries(reporter)
        self._checkpoints = Checkpoints(reporter, objects, self.folder / "checkpoints")
        reporter.every_second(metrics.flush)
        reporter.enter(JobStatus.TRAINING)
        if found is not None:
            self._resume(found)
        self._train(self._checkpoints, metrics)
        metrics.flush()
        reporter.enter(JobStatus.FINALIZATION)
        self._deliver(objects, metrics)

    def _resume(self, found: ResumePoint) -> None:
        assert self._metrics is not None
        assert self._checkpoints is not None
        state = json.loads((found.folder / "trainer_state.json").read_text())
        assert state["global_step"] == found.step
        self.deeds.resumed_from, self.deeds.resumed_attempt = found.step, found.attempt
        self.deeds.state, self.deeds.last_step = state["state"], found.step
        self._metrics.restore(found.metrics, found.step)
        self._checkpoints.resumed(found.step, found.kept)
        self.reporter.publish(TrainingResumed, resumed_from_step=found.step, checkpoint_attempt=found.attempt)

    def _train(self, checkpoints: Checkpoints, metrics: MetricSeries) -> None:
        total, told_at = self.pace.steps, 0.0
        for step in range(self.deeds.last_step + 1, total + 1):
            self._wait(self.pace.step_s)
            self.deeds.state, self.deeds.last_step = next_state(self.deeds.state, step), step
            self.deeds.first_step_at = self.deeds.first_step_at or time.time()
            self.reporter.step = step
            loss = loss_at(step, self.spec.attempt)
            metrics.add(step, loss=loss, learning_rate=2e-4, epoch=3 * step / total, tokens_per_second=1100.0)
            if step in (1, total) or time.monotonic() - told_at >= _PROGRESS_EVERY_S:
                told_at = time.monotonic()
                self.reporter.publish(TrainingProgressed, step=step, total_steps=total, epoch=3 * step / total,
                                      loss=loss, learning_rate=2e-4, eta_s=(total - step) * self.pace.step_s)
            if checkpoints.due(step, total):
                checkpoints.save(self._snapshot(step, checkpoints, metrics))  # type: ignore[arg-type]

    def _snapshot(self, step: int, checkpoints: Checkpoints, metrics: MetricSeries) -> StateFile:
        folder = checkpoints.folder_for(step)
        folder.mkdir(parents=True)
        return StateFile(step, folder, {
            "trainer_state.json": {"global_step": step, "state": self.deeds.state}, "metrics.json": metrics.rows(),
            "recipe.json": self._recipe()})

    def _deliver(self, objects: Objects, metrics: MetricSeries) -> None:
        self._wait(self.pace.finish_s)
        assert self._checkpoints is not None
        self._checkpoints.finish(30.0)
        files = {"adapter_model.safetensors": _weights(self.deeds.state), "adapter_config.json": b"{}",
                 "training_metrics.json": json.dumps(metrics.rows()).encode()}
        stored = {name: objects.put_bytes("artifacts", f"a{self.spec.attempt}/{name}", content)
                  for name, content in files.items()}
        now, total = datetime.now(UTC), self.pace.steps
        events = [
            self.reporter.prepare(EvaluationGenerated, conversations=_likelihoods(), base_perplexity=20.0,
                                  trained_perplexity=10.0, base_model=self.spec.base_model, generated_at=now),
            self.reporter.prepare(
                TrainingCompleted, bucket=stored["adapter_config.json"].bucket, base_model=self.spec.base_model,
                artifacts=tuple(ArtifactFile(path=name, key=one.key, size_bytes=one.size_bytes, sha256=one.sha256)
                                for name, one in stored.items()),
                total_steps=total, epochs=3.0, final_loss=loss_at(total, self.spec.attempt),
                training_seconds=total * self.pace.step_s, completed_at=now)]
        upload_result(objects, self.spec.attempt, events)
        self.deeds.completed = True
        for event in events:
            self.deeds.sent_at[str(event.id)] = time.time()
            self.reporter.send(event)
        self.reporter.drain(60.0)

    def _interrupted(self) -> None:
        try:
            if self.deeds.completed:
                self.reporter.drain(3.5)
            else:
                self._say_so()
        except MachineGone:
            return
        self._leave(ExitCode.INTERRUPTED)

    def _say_so(self) -> None:
        self.reporter.publish_at_once(
            PodInterrupted, pod_name=self.spec.pod_name, detected_by=InterruptionSource.SIGTERM, reason="SIGTERM",
            last_step=self.reporter.step, interrupted_at=datetime.now(UTC))
        if self._metrics is not None:
            self._metrics.flush()
        if self._checkpoints is not None and self.reporter.stage == JobStatus.TRAINING:
            self._checkpoints.want_one_now()
            self._checkpoints.wait_for_wanted(3.5)
        self.reporter.drain(1.0)

    def _wait(self, simulated_s: float) -> None:
        if self._gone.wait(self.pace.real(simulated_s)):
            raise MachineGone

    def _recipe(self) -> dict[str, Any]:
        return recipe(self.spec, BaseModelFiles(self.spec.base_model, Path(), self.spec.base_model))


def _weights(state: str) -> bytes:
    return save({"state": np.frombuffer(state.encode(), dtype=np.uint8)})


def _likelihoods() -> tuple[ConversationLikelihood, ...]:
    return tuple(ConversationLikelihood(conversation_key=f"held out {number}", tokens=100, base_nll=300.0,
                                        trained_nll=230.0 + number) for number in range(12))


def as_document(deeds: Deeds) -> dict[str, Any]:
    return asdict(deeds)
