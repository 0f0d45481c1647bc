"""Which of the jobs to take, as far as the evidence goes; never by loss, never across different conversations.

The improvement of one job is proven by its own interval. Two jobs are told apart where their intervals do not overlap:
they were measured on the same conversations, so this errs on the side of saying nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.job_api.comparisons.domain.compared import (
    NOT_PROVEN,
    TOO_FEW,
    ComparedJob,
    Verdict,
    same_measure,
)

# A job is cheaper where it costs at most so much of what the next one does.
_CLEARLY_CHEAPER = 0.9


class Basis(StrEnum):
    ONLY_PROVEN = "only_proven"
    IMPROVEMENT = "improvement"
    COST = "cost"
    NONE = "none"


@dataclass(frozen=True)
class Recommendation:
    """`job_id` None: the evidence does not suffice. `would_change`: what would lead to another answer."""

    job_id: UUID | None
    basis: Basis
    reason: str
    would_change: tuple[str, ...] = ()


def recommend(jobs: Sequence[ComparedJob]) -> Recommendation:
    proven = [job for job in jobs if job.is_proven]
    open_questions = tuple(text for job in jobs if (text := _open_question(job)))
    if not proven:
        return _nothing("No job has a proven improvement over its base model.", open_questions)
    if len(proven) == 1:
        return _only(proven[0], open_questions)
    if not same_measure(proven):
        return _nothing(
            "Several improvements are proven, but on other held-out conversations or over another base model: they "
            "cannot be compared.",
            ("Runs with the same training file, base model, maximum length, held-out share and seed.",
             *open_questions))
    return _of_several(proven, open_questions)


def _only(job: ComparedJob, open_questions: tuple[str, ...]) -> Recommendation:
    assert job.verdict is not None
    return Recommendation(
        job.id, Basis.ONLY_PROVEN,
        f"{_named(job)} is the only one whose improvement over the base model is proven: {_interval(job.verdict)}. "
        "That does not prove that the others are worse.", open_questions)


def _of_several(proven: Sequence[ComparedJob], open_questions: tuple[str, ...]) -> Recommendation:
    leader = max(proven, key=lambda job: _of(job).improvement_pct)
    level = [job for job in proven if (_of(job).high_pct or 0.0) >= (_of(leader).low_pct or 0.0)]
    if level == [leader]:
        return Recommendation(
            leader.id, Basis.IMPROVEMENT,
            f"{_named(leader)} improved most: {_interval(_of(leader))}, above the intervals of all others, measured on "
            "the same held-out conversations.", open_questions)
    cheapest = _clearly_cheapest(level)
    names = ", ".join(_named(job) for job in level)
    alike = f"The intervals of {names} overlap, so their improvements cannot be told apart"
    more = ("More held-out conversations: they narrow the intervals.", *open_questions)
    if cheapest is None:
        return _nothing(f"{alike}, and none of them cost clearly less.", more)
    return Recommendation(cheapest.id, Basis.COST, f"{alike}. {_named(cheapest)} cost least.", more)


def _clearly_cheapest(jobs: Sequence[ComparedJob]) -> ComparedJob | None:
    """None where it is not known what each of them cost."""
    costs = sorted((job.cost_micro_usd, index) for index, job in enumerate(jobs) if job.cost_micro_usd is not None)
    if len(costs) < len(jobs) or costs[0][0] >= _CLEARLY_CHEAPER * costs[1][0]:
        return None
    return jobs[costs[0][1]]


def _open_question(job: ComparedJob) -> str:
    """What could still give this job a proven improvement; empty where it has one, or is worse than its base model."""
    if not job.has_ended:
        return f"{_named(job)} has not ended."
    if not job.completed:
        return f"A run of {_named(job)} that completes: it ended as {job.status.value}."
    if job.verdict is None:
        return f"A verdict on {_named(job)}: it has none yet."
    if job.verdict.verdict == TOO_FEW:
        return (f"{job.verdict.missing_conversations} more held-out conversations for {_named(job)}: there are too few "
                "for a verdict.")
    if job.verdict.verdict == NOT_PROVEN:
        return f"More held-out conversations for {_named(job)}: its interval holds zero ({_interval(job.verdict)})."
    return ""


def _nothing(reason: str, would_change: tuple[str, ...]) -> Recommendation:
    return Recommendation(None, Basis.NONE, reason, would_change)


def _of(job: ComparedJob) -> Verdict:
    assert job.verdict is not None
    return job.verdict


def _named(job: ComparedJob) -> str:
    return f"“{job.name}”"


def _interval(found: Verdict) -> str:
    if found.low_pct is None or found.high_pct is None:
        return f"{found.improvement_pct:.1f} %"
    return f"{found.improvement_pct:.1f} %, with 95 % certainty between {found.low_pct:.1f} and {found.high_pct:.1f} %"
