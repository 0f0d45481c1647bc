"""What the validator concludes."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from contracts.envelope import JobEventData


class ValidationUpdated(JobEventData):
    """Perplexity on the hold-out, with a bootstrap interval over conversations for the improvement."""

    entity: ClassVar[str] = "validation"
    event: ClassVar[str] = "updated"

    attempt: int = Field(ge=1)
    perplexity_baseline: float
    perplexity_trained: float
    perplexity_improvement_pct: float
    improvement_low_pct: float
    improvement_high_pct: float
    confidence: float = 0.95
    conversations: int = Field(ge=0)
    tokens: int = Field(ge=0)
    # proven: the whole interval lies above zero; worse: below zero; not_proven: neither.
    verdict: str = Field(pattern="^(proven|not_proven|worse)$")
    updated_at: datetime
