"""A loss that rises: the beginning of a divergence, long before it is no number any more."""

import math
from collections import deque
from itertools import islice, pairwise
from statistics import median

from trainer_image.run_health.finding import Finding, StepFacts
from trainer_image.run_health.thresholds import USUAL, Thresholds

_NOISE_STEPS = 200
# Of a normal distribution: its standard deviation over the median of absolute differences of two draws, and the
# standard error of a median over that of a mean.
_SD_OF_DIFFERENCES, _ERROR_OF_A_MEDIAN = 1.4826 / math.sqrt(2), 1.2533


class RisingLoss:
    """The median of a window of steps against the best such median before it."""

    def __init__(self, limits: Thresholds = USUAL) -> None:
        self._limits = limits
        self._losses: deque[float] = deque(maxlen=_NOISE_STEPS)
        self._medians: deque[tuple[float, int]] = deque()
        self._best: tuple[float, int] | None = None
        self._risen = 0

    def look(self, step: StepFacts) -> Finding | None:
        if not math.isfinite(step.loss):  # told by LossGuard, which ends the run
            return None
        self._losses.append(step.loss)
        window = self._window(step.total)
        if len(self._losses) < window:
            return None
        newest = median(islice(reversed(self._losses), window))
        best = self._best_before(newest, step.number, window)
        if best is None or not self._above(newest, best[0], window):
            self._risen = 0
            return None
        self._risen += 1
        return self._finding(newest, best, step, window) if self._risen >= window // 2 else None

    def _window(self, total: int) -> int:
        smallest, largest = self._limits.rising_window
        return max(smallest, min(largest, int(total * self._limits.rising_share)))

    def _best_before(self, newest: float, number: int, window: int) -> tuple[float, int] | None:
        """Of windows that share no step with the newest."""
        self._medians.append((newest, number))
        while self._medians[0][1] <= number - window:
            ended = self._medians.popleft()
            self._best = ended if self._best is None else min(self._best, ended)
        return self._best

    def _above(self, newest: float, best: float, window: int) -> bool:
        if newest - best < self._limits.rising_by * abs(best):
            return False
        losses = list(self._losses)
        differences = [abs(after - before) for before, after in pairwise(losses)]
        noise = _SD_OF_DIFFERENCES * _ERROR_OF_A_MEDIAN * median(differences) * math.sqrt(2 / window)
        return newest - best >= self._limits.rising_errors * noise

    def _finding(self, newest: float, best: tuple[float, int], step: StepFacts, window: int) -> Finding:
        return Finding("loss_rising", (
            f"The loss rises: {newest:.4f} in the median of the last {window} steps, after {best[0]:.4f} up to step "
            f"{best[1]} ({100 * (newest / best[0] - 1):.0f} % more). The run may diverge: if it goes on, cancel it and "
            "retry with half the learning_rate; the checkpoints before the rise are kept as long as they are among "
            "the newest three."))
