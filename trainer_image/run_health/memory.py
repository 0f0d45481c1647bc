"""The machine's memory fills."""

from collections import deque

from trainer_image.run_health.finding import Finding
from trainer_image.run_health.thresholds import USUAL, Thresholds

_LOOK_BACK_S = 300.0


class MemoryFilling:
    """Told about once a second what is used."""

    def __init__(self, limits: Thresholds = USUAL) -> None:
        self._limits = limits
        self._since: float | None = None
        self._seen: deque[tuple[float, float]] = deque()

    def look(self, now: float, used_gb: float, total_gb: float) -> Finding | None:
        self._seen.append((now, used_gb))
        while now - self._seen[0][0] > _LOOK_BACK_S:
            self._seen.popleft()
        if used_gb < self._limits.memory_share * total_gb:
            self._since = None
            return None
        self._since = now if self._since is None else self._since
        if now - self._since < self._limits.memory_for_s:
            return None
        grown = used_gb - self._seen[0][1]
        minutes = (now - self._seen[0][0]) / 60
        return Finding("host_memory_filling", (
            f"{used_gb:.1f} of {total_gb:.1f} GB of the machine's memory are used ({grown:+.1f} GB in the last "
            f"{minutes:.0f} min). When it is full the kernel ends the trainer: a machine with more memory, or a "
            "smaller base model, avoids that."))
