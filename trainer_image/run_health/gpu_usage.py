"""A GPU that is paid for and waits."""

from collections import deque

from trainer_image.run_health.finding import Finding
from trainer_image.run_health.thresholds import USUAL, Thresholds


class GpuUsage:
    """Told the utilisation about once a second while steps are computed, and not while they are paused."""

    def __init__(self, limits: Thresholds = USUAL) -> None:
        self._limits = limits
        self._readings: deque[tuple[float, float]] = deque()

    def look(self, now: float, utilization_pct: float, tokens_per_second: float | None) -> Finding | None:
        """`now` in seconds of training."""
        self._readings.append((now, utilization_pct))
        while now - self._readings[0][0] > self._limits.gpu_window_s:
            self._readings.popleft()
        if now - self._readings[0][0] < 0.9 * self._limits.gpu_window_s:
            return None
        mean = sum(reading for _, reading in self._readings) / len(self._readings)
        if mean >= self._limits.gpu_utilization_pct:
            return None
        speed = f" at {tokens_per_second:,.0f} tokens/s" if tokens_per_second else ""
        return Finding("gpu_underused", (
            f"The GPU was used to {mean:.0f} % over the last {self._limits.gpu_window_s:.0f} s{speed}; a training "
            f"keeps it above {self._limits.gpu_utilization_pct:.0f} %. It waits for something else: a machine with "
            "more processor cores, a larger per_device_train_batch_size or a smaller card costs less."))
