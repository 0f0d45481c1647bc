"""Judge an evaluation: store it and publish the verdict, in the caller's transaction."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import Event, new_event
from contracts.events import ConversationLikelihood, EvaluationGenerated, ValidationUpdated
from services.validator.adapters.repository import EvaluationKey, lock_outdated, replace_verdict, save_evaluation
from services.validator.domain.verdict import Verdict, judge

SOURCE = "/services/validator"


async def record_evaluation(tx: AsyncConnection, event: Event[EvaluationGenerated], now: datetime) -> None:
    """Raises UnusableEvaluation."""
    data, verdict = event.data, judge(event.data.conversations)
    if await save_evaluation(tx, event, verdict, now):
        await _publish(tx, EvaluationKey(data.job_id, data.attempt), data.workspace_id, verdict, now)


async def judge_again(tx: AsyncConnection, key: EvaluationKey, now: datetime) -> None:
    """Replace a verdict of a superseded method and publish the new one; nothing where that has been done.

    Raises UnusableEvaluation.
    """
    row = await lock_outdated(tx, key)
    if row is None:
        return
    verdict = judge([ConversationLikelihood.model_validate(item) for item in row.conversations])
    await replace_verdict(tx, key, verdict, now)
    await _publish(tx, key, row.workspace_id, verdict, now)


async def _publish(
    tx: AsyncConnection, key: EvaluationKey, workspace_id: UUID, verdict: Verdict, now: datetime
) -> None:
    await emit(tx, new_event(_updated(key, workspace_id, verdict, now), source=SOURCE))


def _updated(key: EvaluationKey, workspace_id: UUID, verdict: Verdict, now: datetime) -> ValidationUpdated:
    return ValidationUpdated(
        job_id=key.job_id,
        workspace_id=workspace_id,
        attempt=key.attempt,
        perplexity_baseline=verdict.perplexity_baseline,
        perplexity_trained=verdict.perplexity_trained,
        perplexity_improvement_pct=verdict.improvement_pct,
        improvement_low_pct=verdict.low_pct,
        improvement_high_pct=verdict.high_pct,
        confidence=verdict.confidence,
        verdict=verdict.verdict,
        method=verdict.method,
        conversations=verdict.conversations,
        missing_conversations=verdict.missing,
        worse_conversations=verdict.worse,
        tokens=verdict.tokens,
        updated_at=now,
    )
