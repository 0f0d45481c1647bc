"""All SQL of the validator."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from contracts.events import EvaluationGenerated
from services.validator.adapters.tables import evaluations
from services.validator.domain.verdict import Verdict


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
        "perplexity_baseline": verdict.perplexity_baseline,
        "perplexity_trained": verdict.perplexity_trained,
        "improvement_pct": verdict.improvement_pct,
        "low_pct": verdict.low_pct,
        "high_pct": verdict.high_pct,
        "confidence": verdict.confidence,
        "verdict": verdict.verdict,
        "tokens": verdict.tokens,
        "generated_at": data.generated_at,
        "updated_at": now,
    }
    return (await tx.execute(insert(evaluations).values(row).on_conflict_do_nothing())).rowcount == 1


async def newest_evaluation(connection: AsyncConnection, job_id: UUID, workspace_id: UUID) -> Row[Any] | None:
    query = (
        select(evaluations)
        .where(evaluations.c.job_id == job_id, evaluations.c.workspace_id == workspace_id)
        .order_by(evaluations.c.attempt.desc())
        .limit(1)
    )
    return (await connection.execute(query)).first()
