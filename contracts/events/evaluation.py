"""The raw material of proof: what base and trained model make of each held-out conversation."""

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import AttemptEventData


class ConversationLikelihood(BaseModel):
    """Summed negative log-likelihood (nats) of the learnt tokens of one held-out conversation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation_key: str
    tokens: int = Field(ge=1)
    base_nll: float
    trained_nll: float
    group: str | None = None
    # Samples with the same source share their history: for an interval they are one conversation.
    source_conversation: str | None = None


class EvaluationGenerated(AttemptEventData):
    """Perplexity on the hold-out: base is the same weights in memory with the adapter disabled."""

    entity: ClassVar[str] = "evaluation"
    event: ClassVar[str] = "generated"

    conversations: tuple[ConversationLikelihood, ...]
    base_perplexity: float
    trained_perplexity: float
    base_model: str
    generated_at: datetime
