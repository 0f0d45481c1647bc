"""Ended jobs added up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.error_catalogue import ErrorCode

# One of nine lost is anything between a hundredth and a half (95 %, Clopper and Pearson): no rate to choose a tier by.
LEAST_MACHINES = 10


@dataclass(frozen=True)
class Sums:
    """Of a group of ended jobs. Averages and medians are those of its completed jobs; None without one."""

    ended: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    cost_micro_usd: int = 0
    mean_cost_micro_usd: int | None = None
    median_duration_s: float | None = None
    mean_improvement_pct: float | None = None
    proven: int = 0
    judged: int = 0
    interruptions: int = 0
    interrupted_jobs: int = 0
    interrupted_completed: int = 0

    @property
    def success_rate(self) -> float | None:
        """Of those that completed or failed; who cancels a job says nothing about it."""
        decided = self.completed + self.failed
        return round(self.completed / decided, 4) if decided else None


@dataclass(frozen=True)
class Group:
    """`week`: the Monday, UTC. `client` "": of jobs that name none. What is None was not grouped by."""

    sums: Sums
    preset: str | None = None
    week: date | None = None
    creator: str | None = None
    client: str | None = None


@dataclass(frozen=True)
class TierMachines:
    """Machines of one tier that came up and whose attempt is over; `interrupted`: it was over before it was meant to
    be."""

    gpu_pricing_tier: str
    machines: int = 0
    interrupted: int = 0

    @property
    def interruption_rate(self) -> float | None:
        """None where too few have been seen to tell."""
        return round(self.interrupted / self.machines, 4) if self.machines >= LEAST_MACHINES else None


@dataclass(frozen=True)
class Selection:
    """Jobs of a workspace, told by as few ids as possible: these, or all but these."""

    job_ids: Sequence[UUID]
    all_but: bool


@dataclass(frozen=True)
class Point:
    """A completed job with a verdict: what it cost and what it brought."""

    job_id: UUID
    name: str
    preset: str
    completed_at: datetime
    cost_micro_usd: int
    improvement_pct: float
    low_pct: float | None
    high_pct: float | None
    verdict: str


@dataclass(frozen=True)
class Fix:
    """Retries of one error that changed one field, among other things or alone."""

    code: ErrorCode
    field: str
    ended: int
    completed: int
