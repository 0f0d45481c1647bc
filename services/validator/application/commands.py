"""Judge an evaluation: store it and say the verdict, in the caller's transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from chassis.messaging.retry import Permanent
from contracts.envelope import Event, new_event
from contracts.events import EvaluationGenerated, ValidationUpdated
from services.validator.adapters.repository import save_evaluation
from services.validator.domain.verdict import Verdict, judge

SOURCE = "/services/validator"


async def record_evaluation(tx: AsyncConnection, event: Event[EvaluationGenerated], now: datetime) -> None:
    if not event.data.conversations:
        raise Permanent("the evaluation has no conversations")
    verdict = judge(event.data.conversations)
    if await save_evaluation(tx, event, verdict, now):
        await emit(tx, new_event(_updated(event.data, verdict, now), source=SOURCE))


def _updated(data: EvaluationGenerated, verdict: Verdict, now: datetime) -> ValidationUpdated:
    return ValidationUpdated(
        job_id=data.job_id,
        workspace_id=data.workspace_id,
        attempt=data.attempt,
        perplexity_baseline=verdict.perplexity_baseline,
        perplexity_trained=verdict.perplexity_trained,
        perplexity_improvement_pct=verdict.improvement_pct,
        improvement_low_pct=verdict.low_pct,
        improvement_high_pct=verdict.high_pct,
        confidence=verdict.confidence,
        verdict=verdict.verdict,
        conversations=verdict.conversations,
        tokens=verdict.tokens,
        updated_at=now,
    )
