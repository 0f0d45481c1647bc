"""The rows of a comparison, and who is best in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.job_api.comparisons.domain.compared import ComparedJob, same_measure

Better = Literal["lower", "higher"]
OTHER_CONVERSATIONS = (
    "Measured on other conversations or with another base model: these values are not comparable.")


@dataclass(frozen=True)
class Figure:
    """`of_data`: says something only where the same conversations were measured with the same base model."""

    name: str
    title: str
    unit: str
    better: Better
    value: Callable[[ComparedJob], float | int | None]
    of_data: bool = False


def _verdict(name: str) -> Callable[[ComparedJob], float | None]:
    return lambda job: getattr(job.verdict, name) if job.verdict else None


_NATS = "nats per token"
FIGURES = (
    Figure("final_training_loss", "Final training loss", _NATS, "lower", lambda job: job.final_training_loss, True),
    Figure("best_training_loss", "Best training loss", _NATS, "lower", lambda job: job.losses.best_training, True),
    Figure("final_validation_loss", "Final validation loss", _NATS, "lower",
           lambda job: job.final_validation_loss, True),
    Figure("best_validation_loss", "Best validation loss", _NATS, "lower",
           lambda job: job.losses.best_validation, True),
    Figure("perplexity_trained", "Perplexity after training", "", "lower", _verdict("perplexity_trained"), True),
    Figure("perplexity_improvement_pct", "Improvement over the base model", "%", "higher",
           _verdict("improvement_pct"), True),
    Figure("tokens_per_second", "Throughput", "tokens/s", "higher", lambda job: job.losses.tokens_per_second),
    Figure("duration_s", "Duration", "s", "lower", lambda job: job.duration_s),
    Figure("estimated_duration_s", "Estimated duration", "s", "lower", lambda job: job.estimated_duration_s),
    Figure("cost_micro_usd", "Cost", "micro-USD", "lower", lambda job: job.cost_micro_usd),
    Figure("cost_estimate_micro_usd", "Estimated cost", "micro-USD", "lower", lambda job: job.estimate_micro_usd),
    Figure("interruptions", "Interruptions", "", "lower", lambda job: job.interruptions),
)


@dataclass(frozen=True)
class Row:
    """`values` in the order of the jobs. `best`: of the completed jobs; empty where nothing sets one apart."""

    figure: Figure
    values: tuple[float | int | None, ...]
    best: tuple[UUID, ...]
    comparable: bool

    @property
    def differences(self) -> tuple[float | int | None, ...]:
        """From the first job's value; None where one of both is not known, or they are not comparable."""
        first = self.values[0]
        return tuple(None if value is None or first is None or not self.comparable else value - first
                     for value in self.values)

    @property
    def differences_pct(self) -> tuple[float | None, ...]:
        """The same in per cent of the first job's value; None also where that is 0, and for what is in per cent."""
        first = self.values[0]
        if not first or self.figure.unit == "%":
            return (None,) * len(self.values)
        return tuple(None if change is None else 100 * change / abs(first) for change in self.differences)


def rows(jobs: Sequence[ComparedJob]) -> list[Row]:
    measured = same_measure(jobs)
    return [_row(figure, jobs, comparable=measured or not figure.of_data) for figure in FIGURES]


def _row(figure: Figure, jobs: Sequence[ComparedJob], *, comparable: bool) -> Row:
    values = tuple(figure.value(job) for job in jobs)
    # A job that failed after a minute was neither quick nor cheap.
    candidates = [(value, job.id) for value, job in zip(values, jobs, strict=True)
                  if value is not None and job.completed]
    return Row(figure, values, _best(figure.better, candidates) if comparable else (), comparable)


def _best(better: Better, candidates: Sequence[tuple[float, UUID]]) -> tuple[UUID, ...]:
    found = {value for value, _ in candidates}
    if len(found) < 2:
        return ()
    wanted = min(found) if better == "lower" else max(found)
    return tuple(job_id for value, job_id in candidates if value == wanted)
