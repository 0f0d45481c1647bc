"""Answers for job_api."""

import math
from typing import Any

from sqlalchemy import Row

from chassis.database.engine import Database
from contracts.rpc.validation import ConversationResult, EvaluationQuery, EvaluationView
from services.validator.adapters.repository import newest_evaluation


async def evaluation(database: Database, query: EvaluationQuery) -> EvaluationView:
    """The newest attempt's evaluation; `found=False` when there is none in this workspace."""
    async with database.read() as connection:
        row = await newest_evaluation(connection, query.job_id, query.workspace_id)
    return EvaluationView(found=False) if row is None else _view(row)


def _view(row: Row[Any]) -> EvaluationView:
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
        tokens=row.tokens,
        updated_at=row.updated_at,
        conversations=tuple(_conversation(item) for item in row.conversations),
    )


def _conversation(item: dict[str, Any]) -> ConversationResult:
    return ConversationResult(
        conversation_key=item["conversation_key"],
        group=item.get("group"),
        tokens=item["tokens"],
        base_perplexity=math.exp(item["base_nll"] / item["tokens"]),
        trained_perplexity=math.exp(item["trained_nll"] / item["tokens"]),
    )
