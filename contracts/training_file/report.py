"""What the answer to an upload says."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, computed_field

from contracts.evidence import (
    MINIMUM_FOR_VERDICT,
    RECOMMENDED,
    conversations_needed,
    fraction_that_holds_out,
    held_out_count,
    missing_for_verdict,
)
from contracts.plurals import counted
from contracts.training_file.issues import Issue, Severity
from contracts.training_file.layout import FORMAT_NAMES, Format


class ImportReport(BaseModel):
    """Counts and issues of one file.

    records = trainable + unanswered + left_out + faulty. A record is a training pair in Bright Run's formats
    and a line in the others. `answers` are the learnt assistant turns; `tokens` and `longest` count whole
    conversations as rendered, `trainable_tokens` those that carry loss, exactly when `tokens_exact`, else from
    characters / 4.
    `issue_counts` is complete, `issues` shows the first 100 of each code, `personas`, `emotional_arcs` and `topics`
    the 1,000 most frequent.
    """

    model_config = ConfigDict(frozen=True)

    file_name: str
    format: Format
    size_bytes: int
    sha256: str
    records: int
    trainable: int
    unanswered: int
    left_out: int
    faulty: int
    conversations: int
    answers: int
    tokens: int
    trainable_tokens: int
    longest: int
    tokens_exact: bool
    max_context: int
    needs_review: tuple[str, ...] = ()
    personas: dict[str, int] = Field(default_factory=dict)
    emotional_arcs: dict[str, int] = Field(default_factory=dict)
    topics: dict[str, int] = Field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    issue_counts: dict[str, int] = Field(default_factory=dict)
    errors: int = 0
    warnings: int = 0
    held_out: int | None = Field(
        default=None, description="Conversations the default share holds out; samples of one source count once."
    )
    evidence: str = Field(default="", description="What so many held-out conversations can prove.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def format_name(self) -> str:
        return FORMAT_NAMES[self.format]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def can_train(self) -> bool:
        """No errors and something to learn; warnings do not block."""
        return self.errors == 0 and self.answers > 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def one_line(self) -> str:
        """The file in one line that a person understands."""
        parts = [f"{self.trainable:,} trainable"]
        if self.unanswered:
            parts.append(f"{self.unanswered:,} without an answer (user turns)")
        if self.left_out:
            parts.append(f"{self.left_out:,} left out")
        if self.faulty:
            parts.append(f"{self.faulty:,} with errors")
        about = "" if self.tokens_exact else "about "
        conversations = counted(self.conversations, "conversation")
        sizes = f"{conversations}, {about}{self.tokens:,} tokens, longest {self.longest:,}"
        return f"{counted(self.records, 'record')}: {', '.join(parts)}; {sizes}"

    def found(self, severity: Severity) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity is severity)


def evidence_of(conversations: int) -> str:
    """What the hold-out of a file with so many independent conversations can prove, and what to do about it."""
    held_out = held_out_count(conversations)
    if not held_out:
        return "Holds out no conversation: the improvement will not be measured."
    begin = f"Holds out {held_out} of {counted(conversations, 'conversation')}"
    if missing := missing_for_verdict(held_out):
        needed = f"{missing} more {'is' if missing == 1 else 'are'} needed"
        share = fraction_that_holds_out(MINIMUM_FOR_VERDICT, conversations)
        way = f"{_share(share)} holds out" if share else f"a file of {conversations_needed()} conversations has"
        return f"{begin}: too few to prove an improvement; {needed}, which {way}."
    share = fraction_that_holds_out(RECOMMENDED, conversations)
    surer = f"; {RECOMMENDED} make it surer" + (f" ({_share(share)})" if share else "")
    return f"{begin}: enough for a verdict{surer if held_out < RECOMMENDED else ''}."


def _share(share: float) -> str:
    return f"validation_fraction {share:g}"
