"""What services ask the validator."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.rpc.spec import Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EvaluationQuery(Model):
    """The newest attempt's evaluation, with at most `limit` of its samples, those that lost most first."""

    job_id: UUID
    workspace_id: UUID
    limit: int = Field(default=5_000, ge=1, le=5_000)


class ConversationResult(Model):
    conversation_key: str
    group: str | None
    source_conversation: str | None = None
    tokens: int
    base_perplexity: float
    trained_perplexity: float


class EvaluationView(Model):
    """`found` is false until the trainer's evaluation has arrived.

    Without at least 5 independent conversations there is no interval, and without 10 the verdict is `too_few`.
    `samples` counts what was held out; `conversations` lists those that lost most first.
    """

    found: bool
    attempt: int | None = None
    perplexity_baseline: float | None = None
    perplexity_trained: float | None = None
    perplexity_improvement_pct: float | None = None
    improvement_low_pct: float | None = None
    improvement_high_pct: float | None = None
    confidence: float | None = None
    verdict: str | None = None
    method: str | None = None
    independent_conversations: int | None = None
    missing_conversations: int | None = None
    worse_conversations: int | None = None
    tokens: int | None = None
    samples: int = 0
    conversations: tuple[ConversationResult, ...] = ()
    updated_at: datetime | None = None


EVALUATION = Rpc("validator", "evaluation", EvaluationQuery, EvaluationView)
