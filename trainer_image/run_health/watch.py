"""Looks at the run with every rule: at each step, and about once a second. Each finding is told once in an attempt."""

import shutil
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from trainer_image.machine import GpuReadings, container_memory
from trainer_image.reporter import Reporter
from trainer_image.run_health.disk import disk_filling
from trainer_image.run_health.finding import Finding, StepFacts
from trainer_image.run_health.gpu_usage import GpuUsage
from trainer_image.run_health.memory import MemoryFilling
from trainer_image.run_health.plateau import LossPlateau
from trainer_image.run_health.rising_loss import RisingLoss
from trainer_image.run_health.stalled import stalled
from trainer_image.training_clock import TrainingClock

_LOOK_AT_DISK_EVERY_S = 10.0


class HealthWatch(TrainerCallback):
    """`tick` runs on the reporter's thread, the rest on the training's; they share no rule."""

    def __init__(self, reporter: Reporter, clock: TrainingClock, gpu: GpuReadings, folder: Path) -> None:
        self._reporter, self._clock, self._gpu, self._folder = reporter, clock, gpu, folder
        self._of_loss = (LossPlateau(), RisingLoss())
        self._gpu_usage, self._memory = GpuUsage(), MemoryFilling()
        self._told: set[str] = set()
        self._training = False
        self._step, self._tokens_seen, self._tokens_per_second = 0, 0.0, 0.0
        self._trained_s, self._ticked_at = 0.0, time.monotonic()
        self._disk_looked_at = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._training = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._training = False

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if "loss" not in logs:
            return
        self._step = state.global_step
        tokens, self._tokens_seen = logs["num_tokens"] - self._tokens_seen, logs["num_tokens"]
        self._tokens_per_second = tokens / max(self._clock.usual_lap, 1e-9)
        facts = StepFacts(state.global_step, state.max_steps, float(logs["loss"]), state.epoch or 0.0,
                          int(args.num_train_epochs))
        for rule in self._of_loss:
            self._tell(rule.look(facts))

    def tick(self) -> None:
        now = time.monotonic()
        passed, self._ticked_at = now - self._ticked_at, now
        self._tell(self._memory.look(now, *container_memory()))
        if now - self._disk_looked_at >= _LOOK_AT_DISK_EVERY_S:
            self._disk_looked_at = now
            disk = shutil.disk_usage(self._folder)
            self._tell(disk_filling(disk.free, disk.total, _newest_checkpoint(self._folder / "checkpoints")))
        if self._training and not self._clock.is_paused:
            self._trained_s += passed
            self._look_at_steps()

    def _look_at_steps(self) -> None:
        clock = self._clock
        self._tell(stalled(clock.since_lap, clock.usual_lap, clock.laps, self._step))
        if clock.laps and (reading := self._gpu.read()):
            self._tell(self._gpu_usage.look(
                self._trained_s, reading["gpu_utilization_pct"], self._tokens_per_second))

    def _tell(self, finding: Finding | None) -> None:
        if finding is not None and finding.code not in self._told:
            self._told.add(finding.code)
            self._reporter.warn(finding.code, finding.message, self._step)


def _newest_checkpoint(folder: Path) -> int:
    """Bytes of the newest checkpoint on this disk; 0 when there is none."""
    try:
        newest = max((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        return sum(path.stat().st_size for path in newest.rglob("*") if path.is_file())
    except (OSError, ValueError):
        return 0  # none yet, or removed while it was looked at
