"""What is known about one way to fail."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from contracts.error_catalogue.codes import ErrorCode
from contracts.error_catalogue.edits import Remedy, SuggestedEdit, suggested
from contracts.error_catalogue.sentences import told
from contracts.error_taxonomy import FailureClass, TrainingErrorType

ERROR_PAGE = "/api/training/errors"


class CatalogueEntry(BaseModel):
    """`problem` and `likely_cause` are sentences with places for facts (`contracts.error_catalogue.sentences`).

    `patterns`: regular expressions that name this failure in a text, for failures that nobody told apart.
    `retryable`: the same configuration may succeed. `remedies`: what to change otherwise, the best first.
    """

    model_config = ConfigDict(frozen=True)

    code: ErrorCode
    error_type: TrainingErrorType
    failure_class: FailureClass
    title: str
    problem: str
    likely_cause: tuple[str, ...]
    what_to_do: str
    retryable: bool = False
    remedies: tuple[Remedy, ...] = ()
    patterns: tuple[str, ...] = ()

    @property
    def docs_url(self) -> str:
        return f"{ERROR_PAGE}#{self.code.value}"

    def explained(self, facts: Mapping[str, Any]) -> str:
        """The likely cause with this job's numbers."""
        return told(self.likely_cause, facts)

    def edits(self, configuration: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[SuggestedEdit, ...]:
        """What to change in this flat configuration before the next try."""
        return suggested(self.remedies, configuration, facts)
