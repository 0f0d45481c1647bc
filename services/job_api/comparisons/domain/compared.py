"""A job as it is compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.job_status import TERMINAL, JobStatus

PROVEN, NOT_PROVEN, TOO_FEW = "proven", "not_proven", "too_few"


@dataclass(frozen=True)
class Verdict:
    """The validator's: improvement of perplexity over the base model in per cent, with its interval."""

    verdict: str
    improvement_pct: float
    low_pct: float | None = None
    high_pct: float | None = None
    perplexity_baseline: float | None = None
    perplexity_trained: float | None = None
    missing_conversations: int = 0


@dataclass(frozen=True)
class Losses:
    """Of a whole run, in nats per token; None where nothing finite was measured, or nobody could be asked."""

    best_training: float | None = None
    best_validation: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True)
class ComparedJob:
    """`configuration` is flat: what a job can be told, by its name. Money in micro-dollars."""

    id: UUID
    name: str
    status: JobStatus
    training_file_id: UUID
    configuration: Mapping[str, Any]
    final_training_loss: float | None = None
    final_validation_loss: float | None = None
    losses: Losses = field(default_factory=Losses)
    verdict: Verdict | None = None
    duration_s: float | None = None
    estimated_duration_s: float | None = None
    cost_micro_usd: int | None = None
    estimate_micro_usd: int | None = None
    interruptions: int = 0

    @property
    def has_ended(self) -> bool:
        return self.status in TERMINAL

    @property
    def completed(self) -> bool:
        return self.status is JobStatus.COMPLETED

    @property
    def is_proven(self) -> bool:
        found = self.verdict
        return self.completed and found is not None and found.verdict == PROVEN and found.low_pct is not None

    @property
    def measured_on(self) -> tuple[Any, ...]:
        """What decides which conversations are held out, and how their tokens are counted."""
        decides = ("base_model", "validation_fraction", "seed", "max_seq_length")
        return (self.training_file_id, *(self.configuration.get(name) for name in decides))


def same_measure(jobs: Iterable[ComparedJob]) -> bool:
    """Whether losses and perplexities of these jobs are about the same conversations and the same base model."""
    return len({job.measured_on for job in jobs}) <= 1


@dataclass(frozen=True)
class Difference:
    """One value that is not the same in all jobs, in the order of the jobs."""

    name: str
    values: tuple[Any, ...]


def differences(jobs: Iterable[ComparedJob]) -> list[Difference]:
    compared = list(jobs)
    names = dict.fromkeys(name for job in compared for name in job.configuration)
    found = [Difference(name, tuple(job.configuration.get(name) for job in compared)) for name in names]
    return [one for one in found if any(value != one.values[0] for value in one.values)]
