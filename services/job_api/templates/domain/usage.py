"""How jobs that were made from a template went."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Usage:
    """Of `jobs`, `ended` completed or failed; cancelled ones say nothing about the template. The average is of the
    completed ones, in micro-dollars."""

    jobs: int = 0
    ended: int = 0
    completed: int = 0
    average_cost_micro_usd: int | None = None
    last_used_at: datetime | None = None

    @property
    def success_rate(self) -> float | None:
        return round(self.completed / self.ended, 4) if self.ended else None
