"""Turns what happens in the training loop into metrics, snapshots for the job's row, and warnings."""

import logging
import math
import threading
from statistics import median
from typing import Any

from transformers import TrainerCallback

from contracts.events import TrainingProgressed
from trainer_image.checkpoints import Checkpoints
from trainer_image.divergence import LossGuard
from trainer_image.machine import GpuReadings
from trainer_image.metric_series import MetricSeries, perplexity
from trainer_image.pausing import Paused
from trainer_image.reporter import Reporter
from trainer_image.sampling import SampleRecord
from trainer_image.training_clock import TrainingClock

_log = logging.getLogger(__name__)

_STEPS_FOR_ETA = 20


class Progress(TrainerCallback):
    """Listens to one run. `last_loss` and `validation_loss` are the newest; None before the first."""

    def __init__(
        self, reporter: Reporter, metrics: MetricSeries, checkpoints: Checkpoints, gpu: GpuReadings,
        record: SampleRecord, clock: TrainingClock,
    ) -> None:
        self._reporter, self._metrics, self._checkpoints = reporter, metrics, checkpoints
        self._gpu, self._record, self._clock = gpu, record, clock
        self.last_loss: float | None = None
        self.validation_loss: float | None = None
        self._step_seconds: list[float] = []
        self._tokens_seen = 0.0
        self._lock = threading.Lock()
        self._waiting: dict[str, Any] | None = None
        self._loss_guard = LossGuard(reporter)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._clock.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._reporter.step = state.global_step
        control.should_save = self._checkpoints.due(state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._checkpoints.ending:
            raise Paused

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if "loss" not in logs:
            return
        conversations = self._record.finish(state.global_step)
        seconds = self._clock.lap()
        self._step_seconds = [*self._step_seconds, seconds][-_STEPS_FOR_ETA:]
        tokens, self._tokens_seen = logs["num_tokens"] - self._tokens_seen, logs["num_tokens"]
        self.last_loss = float(logs["loss"])
        values = {
            "loss": self.last_loss, "learning_rate": logs["learning_rate"], "epoch": state.epoch,
            "tokens_per_second": tokens / seconds, "samples_per_second": len(conversations) / seconds,
            "eta_s": self._eta(state), **self._gpu.read(),
        }
        if "grad_norm" in logs:
            values["gradient_norm"] = float(logs["grad_norm"])
        self._metrics.add(state.global_step, **values)
        self._stand(state, values, at_once=state.global_step in (1, state.max_steps))
        _log.info("step %d/%d loss %.4f, %.0f tokens/s, %.0f s left", state.global_step, state.max_steps,
                  self.last_loss, values["tokens_per_second"], values["eta_s"])
        self._loss_guard.check(state.global_step, self.last_loss, conversations)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any) -> None:
        self.validation_loss = metrics["eval_loss"]
        self._metrics.add(state.global_step, validation_loss=self.validation_loss,
                          perplexity=perplexity(self.validation_loss))
        self._stand(state, {"loss": self.last_loss, "eta_s": self._eta(state)}, at_once=True)
        _log.info("step %d/%d validation loss %.4f", state.global_step, state.max_steps, self.validation_loss)

    def _eta(self, state: Any) -> float:
        """From the median of this process's own latest steps: earlier attempts ran on another machine."""
        if not self._step_seconds:
            return 0.0
        return (state.max_steps - state.global_step) * median(self._step_seconds)

    def tell(self) -> None:
        """The points measured since the last time, and behind them where the run stands: whoever hears of a step finds
        its points. About once a second (`Reporter.every_second`), from any thread."""
        with self._lock:
            self._metrics.flush()
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self._reporter.publish(TrainingProgressed, **waiting)

    def _stand(self, state: Any, values: dict[str, Any], *, at_once: bool) -> None:
        self._waiting = {
            "step": state.global_step, "total_steps": state.max_steps, "epoch": state.epoch or 0.0,
            "loss": _number(values.get("loss")), "validation_loss": _number(self.validation_loss),
            "learning_rate": values.get("learning_rate"), "tokens_per_second": values.get("tokens_per_second"),
            "perplexity": None if self.validation_loss is None else _number(perplexity(self.validation_loss)),
            "eta_s": values["eta_s"] if self._step_seconds else None,
        }
        if at_once:
            self.tell()


def _number(value: float | None) -> float | None:
    """JSON knows no NaN; the series in `metrics.reported` carries it."""
    return value if value is not None and math.isfinite(value) else None
