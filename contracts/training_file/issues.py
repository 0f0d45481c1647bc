"""What a check found in a training file, and the table of all codes."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    ERROR = "error"
    """Blocks a start."""
    WARNING = "warning"
    """Shown, and can be accepted."""
    INFO = "info"


class Issue(BaseModel):
    """One finding. `conversation` and `pair` count from 1; `pair` is the number of the record in the file."""

    model_config = ConfigDict(frozen=True)

    severity: Severity
    code: str
    message: str
    conversation: int | None = None
    conversation_key: str | None = None
    pair: int | None = None
    field: str | None = None
    suggested_fix: str = ""


class CodeSpec(NamedTuple):
    severity: Severity
    meaning: str
    suggested_fix: str


E, W, N = Severity.ERROR, Severity.WARNING, Severity.INFO

CODES: dict[str, CodeSpec] = {
    "TF101_missing_target": CodeSpec(
        E, "A record of an assistant turn has no answer", "Add the answer, or remove the record."
    ),
    "TF102_empty_text": CodeSpec(
        E, "A message or an answer is empty or only white space", "Write the text, or remove the record."
    ),
    "TF103_wrong_type": CodeSpec(
        E, "A field holds another type than the format says", "Correct the field; texts must be JSON strings."
    ),
    "TF104_missing_field": CodeSpec(
        E, "A field that the format needs is missing", "Add the field, or export the file again."
    ),
    "TF105_not_alternating": CodeSpec(
        E,
        "User and assistant do not take turns, starting with the user",
        "Join neighbouring messages of one speaker, and start with the user.",
    ),
    "TF106_unsupported_role": CodeSpec(
        E,
        "A message has a role other than system, user or assistant",
        "Use system, user and assistant; take tool calls out.",
    ),
    "TF107_control_tokens": CodeSpec(
        E,
        "A text holds a control token of the model, such as <|eot_id|>",
        "Remove the token: the chat template adds it where it belongs.",
    ),
    "TF108_no_answer": CodeSpec(
        E, "A conversation has no assistant answer", "Add an answer, or remove the conversation."
    ),
    "TF109_mixed_formats": CodeSpec(E, "A record is in another format than the first one", "Split the file by format."),
    "TF110_nothing_to_learn": CodeSpec(
        E, "No record of the file can be trained on", "Check that the answers were exported."
    ),
    "TF201_cut_off_target": CodeSpec(
        W,
        "An answer ends in a backslash or in the middle of an escape; it is left out",
        "Export the file again with the whole answer.",
    ),
    "TF202_trailing_user_turn": CodeSpec(
        W, "A conversation ends on a user turn; the turn is dropped", "Nothing to do, or add the last answer."
    ),
    "TF203_totals_disagree": CodeSpec(
        W,
        "Totals in the file's metadata differ from its content; the content counts",
        "Check that the export was complete.",
    ),
    "TF204_duplicated_target": CodeSpec(
        W,
        "Several answers open with the same 80 characters",
        "Rewrite or remove the copies: the model learns repeated text by heart.",
    ),
    "TF205_too_long": CodeSpec(
        W,
        "A conversation is longer than the context; what exceeds it is not learnt",
        "Split the conversation, or raise the maximum sequence length.",
    ),
    "TF206_crisis_content": CodeSpec(
        W,
        "A conversation speaks of suicide or self-harm; a person must review it",
        "Have every such conversation reviewed by a qualified person before training.",
    ),
    "TF207_name_memorisation": CodeSpec(
        W,
        "Many answers open with one of very few names",
        "Vary the openings, or the model will call strangers by these names.",
    ),
    "TF208_no_shared_prefix": CodeSpec(
        W,
        "Records of one conversation do not continue each other; each answer becomes its own sample",
        "Nothing to do, or correct the conversation's history. Training takes longer this way.",
    ),
    "TF209_duplicated_conversation": CodeSpec(
        W, "A conversation is an exact copy of an earlier one; the copy is left out", "Remove the copy."
    ),
    "TF210_reused_key": CodeSpec(
        W,
        "Two different conversations have the same identifier; the later one was given a suffix",
        "Give each conversation its own identifier.",
    ),
    "TF211_missing_key": CodeSpec(W, "A conversation has no identifier; its number is used", "Add conversation_id."),
    "TF212_nothing_left": CodeSpec(
        W, "After exclusions a conversation has no answer left; it is left out", "Repair its answers."
    ),
    "TF301_constant_quality": CodeSpec(
        N, "All quality scores are the same: they are neither used as weights nor as a filter", ""
    ),
    "TF302_provenance": CodeSpec(
        N,
        "The file names a model of another provider as its target or source",
        "Check that provider's terms before commercial training.",
    ),
    "TF303_context_only_answer": CodeSpec(
        N, "Answers that appear only in a history are context and are not learnt", ""
    ),
    "TF304_unknown_spec": CodeSpec(
        N, "The format label is not one that this importer was checked with", "Look at the preview closely."
    ),
}

REFUSALS: dict[str, str] = {
    "TF001_empty": "The file is empty or holds only white space",
    "TF002_too_large": "The file is over 200 MB",
    "TF003_too_many_records": "The file has more than 100,000 records",
    "TF004_compressed": "The file is compressed or an archive",
    "TF005_not_utf8": "The file is not UTF-8 text, or holds NUL bytes",
    "TF006_unknown_format": "The file is in none of the five formats",
    "TF007_invalid_json": "The file is not valid JSON",
    "TF008_duplicate_key": "An object has the same key twice",
    "TF009_not_finite": "A number is NaN or infinite",
    "TF010_lone_surrogate": "A text holds half of a surrogate pair",
    "TF011_nul_character": "A text holds the character U+0000",
    "TF012_nested_too_deep": "Objects are nested too deeply",
    "TF013_value_too_large": "A single record is over 32 MB",
    "TF014_too_much_memory": "Reading the file takes more memory than an import may use",
}

SHOWN_PER_CODE = 100
"""Issues kept per code; the rest is only counted, so that 100,000 broken records stay a short report."""


def place_of(conversation: int | None, pair: int | None) -> str:
    """ "conversation 7, pair 47", as messages begin; "" where an issue concerns the whole file."""
    return ", ".join(f"{name} {n}" for name, n in (("conversation", conversation), ("pair", pair)) if n)


class IssueLog:
    """Collects issues in the order found, bounded per code, with complete counts."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.counts: Counter[str] = Counter()

    def add(
        self,
        code: str,
        text: str,
        *,
        conversation: int | None = None,
        key: str | None = None,
        pair: int | None = None,
        field: str | None = None,
    ) -> None:
        """Record `text` at its place; the message starts with the place: "conversation 7, pair 47: ..."."""
        self.counts[code] += 1
        if self.counts[code] > SHOWN_PER_CODE:
            return
        spec = CODES[code]
        place = place_of(conversation, pair)
        message = f"{place}: {text}" if place else text
        self.issues.append(
            Issue(
                severity=spec.severity,
                code=code,
                message=message,
                conversation=conversation,
                conversation_key=key,
                pair=pair,
                field=field,
                suggested_fix=spec.suggested_fix,
            )
        )

    def total(self, severity: Severity) -> int:
        return sum(count for code, count in self.counts.items() if CODES[code].severity is severity)
