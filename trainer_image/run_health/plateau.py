"""A loss that does not fall any more while much of the run is still to be paid for."""

from statistics import fmean, variance

from trainer_image.run_health.finding import Finding, StepFacts
from trainer_image.run_health.thresholds import USUAL, Thresholds


class LossPlateau:
    """Compares whole epochs: within one, a healthy loss is flat and noisy, and falls where conversations come again."""

    def __init__(self, limits: Thresholds = USUAL) -> None:
        self._limits = limits
        self._before: list[float] = []
        self._losses: list[float] = []

    def look(self, step: StepFacts) -> Finding | None:
        self._losses.append(step.loss)
        if step.number * step.epochs % step.total:
            return None
        before, now = self._before, self._losses
        self._before, self._losses = now, []
        # A resumed attempt begins within an epoch: its first one is no whole one.
        if not before or len(before) != len(now) or len(now) < 2 or not self._worth_a_word(step, now):
            return None
        return self._compared(before, now, step)

    def _worth_a_word(self, step: StepFacts, now: list[float]) -> bool:
        left = 1 - step.number / step.total
        return left >= self._limits.plateau_share_left and fmean(now) > self._limits.plateau_loss_floor

    def _compared(self, before: list[float], now: list[float], step: StepFacts) -> Finding | None:
        older, newer = fmean(before), fmean(now)
        gained = (older - newer) / older
        error = ((variance(before) + variance(now)) / len(now)) ** 0.5 / older
        flat = abs(gained) < self._limits.plateau_improvement and gained + 2 * error < self._limits.plateau_sure_below
        if not flat:
            return None
        done = round(step.epoch)
        return Finding("loss_plateau", (
            f"The loss hardly falls: {newer:.4f} on average in epoch {done} after {older:.4f} in the one before "
            f"({100 * gained:+.1f} % better), and {step.epochs - done} of {step.epochs} epochs are left. Fewer "
            "num_epochs would cost less; if the loss never fell, a higher learning_rate may help."))
