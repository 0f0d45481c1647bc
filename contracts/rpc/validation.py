"""What services ask the validator."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.rpc.spec import Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EvaluationQuery(Model):
    job_id: UUID
    workspace_id: UUID


class ConversationResult(Model):
    conversation_key: str
    group: str | None
    tokens: int
    base_perplexity: float
    trained_perplexity: float


class EvaluationView(Model):
    """`found` is false until the trainer's evaluation has arrived."""

    found: bool
    attempt: int | None = None
    perplexity_baseline: float | None = None
    perplexity_trained: float | None = None
    perplexity_improvement_pct: float | None = None
    improvement_low_pct: float | None = None
    improvement_high_pct: float | None = None
    confidence: float | None = None
    verdict: str | None = None
    tokens: int | None = None
    conversations: tuple[ConversationResult, ...] = ()
    updated_at: datetime | None = None


EVALUATION = Rpc("validator", "evaluation", EvaluationQuery, EvaluationView)
