"""Answers for job_api."""

from typing import Any

from sqlalchemy import Row

from chassis.database.engine import Database
from contracts.events import ConversationLikelihood
from contracts.evidence import missing_for_verdict
from contracts.rpc.validation import ConversationResult, EvaluationQuery, EvaluationView
from services.validator.adapters.repository import newest_evaluation
from services.validator.domain.clusters import perplexity, worst_first


async def evaluation(database: Database, query: EvaluationQuery) -> EvaluationView:
    """The newest attempt's evaluation; `found=False` when there is none in this workspace."""
    async with database.read() as connection:
        row = await newest_evaluation(connection, query.job_id, query.workspace_id)
    return EvaluationView(found=False) if row is None else _view(row, query.limit)


def _view(row: Row[Any], limit: int) -> EvaluationView:
    samples = [ConversationLikelihood.model_validate(item) for item in row.conversations]
    return EvaluationView(
        found=True,
        attempt=row.attempt,
        perplexity_baseline=row.perplexity_baseline,
        perplexity_trained=row.perplexity_trained,
        perplexity_improvement_pct=row.improvement_pct,
        improvement_low_pct=row.low_pct,
        improvement_high_pct=row.high_pct,
        confidence=row.confidence,
        verdict=row.verdict,
        method=row.method,
        independent_conversations=row.independent,
        missing_conversations=None if row.independent is None else missing_for_verdict(row.independent),
        worse_conversations=row.worse,
        tokens=row.tokens,
        samples=len(samples),
        updated_at=row.updated_at,
        conversations=tuple(_conversation(item) for item in worst_first(samples)[:limit]),
    )


def _conversation(item: ConversationLikelihood) -> ConversationResult:
    return ConversationResult(
        conversation_key=item.conversation_key,
        group=item.group,
        source_conversation=item.source_conversation,
        tokens=item.tokens,
        base_perplexity=perplexity(item.base_nll, item.tokens),
        trained_perplexity=perplexity(item.trained_nll, item.tokens),
    )
