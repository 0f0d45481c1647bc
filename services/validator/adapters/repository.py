"""All SQL of the validator."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from contracts.events import EvaluationGenerated
from services.validator.adapters.tables import evaluations
from services.validator.domain.verdict import SUPERSEDED_METHODS, Verdict

_OUTDATED = evaluations.c.method.in_(SUPERSEDED_METHODS)


class EvaluationKey(NamedTuple):
    job_id: UUID
    attempt: int


async def save_evaluation(
    tx: AsyncConnection, event: Event[EvaluationGenerated], verdict: Verdict, now: datetime
) -> bool:
    """Store it; False when this attempt was evaluated before (the first evaluation stands)."""
    data = event.data
    row = {
        "job_id": data.job_id,
        "attempt": data.attempt,
        "workspace_id": data.workspace_id,
        "event_id": event.id,
        "base_model": data.base_model,
        "conversations": [item.model_dump(mode="json") for item in data.conversations],
        "generated_at": data.generated_at,
    }
    statement = insert(evaluations).values(row | _judged(verdict, now)).on_conflict_do_nothing()
    return (await tx.execute(statement)).rowcount == 1


async def newest_evaluation(connection: AsyncConnection, job_id: UUID, workspace_id: UUID) -> Row[Any] | None:
    query = (
        select(evaluations)
        .where(evaluations.c.job_id == job_id, evaluations.c.workspace_id == workspace_id)
        .order_by(evaluations.c.attempt.desc())
        .limit(1)
    )
    return (await connection.execute(query)).first()


async def outdated(connection: AsyncConnection) -> Sequence[EvaluationKey]:
    """Evaluations that were judged by a superseded method."""
    query = select(evaluations.c.job_id, evaluations.c.attempt).where(_OUTDATED).order_by(evaluations.c.updated_at)
    return [EvaluationKey(*row) for row in await connection.execute(query)]


async def lock_outdated(tx: AsyncConnection, key: EvaluationKey) -> Row[Any] | None:
    """None when another replica has it or is done with it."""
    query = select(evaluations).where(_is(key), _OUTDATED).with_for_update(skip_locked=True)
    return (await tx.execute(query)).first()


async def replace_verdict(tx: AsyncConnection, key: EvaluationKey, verdict: Verdict, now: datetime) -> None:
    await tx.execute(update(evaluations).where(_is(key)).values(_judged(verdict, now)))


def _is(key: EvaluationKey) -> Any:
    return (evaluations.c.job_id == key.job_id) & (evaluations.c.attempt == key.attempt)


def _judged(verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "perplexity_baseline": verdict.perplexity_baseline,
        "perplexity_trained": verdict.perplexity_trained,
        "improvement_pct": verdict.improvement_pct,
        "low_pct": verdict.low_pct,
        "high_pct": verdict.high_pct,
        "confidence": verdict.confidence,
        "verdict": verdict.verdict,
        "method": verdict.method,
        "independent": verdict.conversations,
        "worse": verdict.worse,
        "tokens": verdict.tokens,
        "updated_at": now,
    }
