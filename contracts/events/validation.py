"""What the validator concludes."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from contracts.envelope import JobEventData


class ValidationUpdated(JobEventData):
    """Perplexity on the hold-out, the improvement with its interval over conversations, and what they prove.

    Said again for the same attempt when it is judged by a newer method; the later `updated_at` counts.
    """

    entity: ClassVar[str] = "validation"
    event: ClassVar[str] = "updated"

    attempt: int = Field(ge=1)
    perplexity_baseline: float
    perplexity_trained: float
    perplexity_improvement_pct: float
    # Left out of the message, never null, where there are too few conversations for an interval.
    improvement_low_pct: float | SkipJsonSchema[None] = Field(
        default=None, description="Absent below 5 held-out conversations."
    )
    improvement_high_pct: float | SkipJsonSchema[None] = Field(
        default=None, description="Absent below 5 held-out conversations."
    )
    confidence: float = 0.95
    conversations: int = Field(ge=0, description="Independent ones: samples of one source conversation are one.")
    # How many more of them a verdict needs; above zero exactly when the verdict is `too_few`.
    missing_conversations: int = Field(ge=0, default=0)
    # How many of them the trained model finds less likely than the base does.
    worse_conversations: int | None = Field(ge=0, default=None)
    tokens: int = Field(ge=0)
    # proven: the whole interval lies above zero; worse: below zero; not_proven: neither; too_few: no verdict.
    verdict: str = Field(pattern="^(proven|not_proven|worse|too_few)$")
    # Absent: a percentile bootstrap, which calls too much proven.
    method: str | None = Field(default=None, description="Rule and its version, for example cr2-t/1.")
    updated_at: datetime
