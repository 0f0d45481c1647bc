"""Why a job failed, in words with its own numbers, and what to change before the next try."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.error_catalogue import CatalogueEntry, SuggestedEdit, entry_of
from contracts.error_taxonomy import TrainingErrorType

_OUTSIDE_HYPERPARAMETERS = ("gpu_type", "gpu_pricing_tier", "max_duration_s")


@dataclass(frozen=True)
class Failure:
    """`detail`: what was said when it happened."""

    entry: CatalogueEntry
    detail: str
    likely_cause: str
    edits: tuple[SuggestedEdit, ...]


def explain(
    error_type: TrainingErrorType, code: str | None, detail: str, facts: Mapping[str, Any],
    configuration: Mapping[str, Any],
) -> Failure:
    """`configuration` as it is stored with the job; `facts`: what else is known of the run."""
    entry, values = entry_of(error_type, code, detail), editable(configuration)
    known = {**values, "max_duration_h": values["max_duration_s"] / 3600, **facts}
    return Failure(entry, detail, entry.explained(known), entry.edits(values, known))


def editable(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The values that an edit can change, by their names."""
    return {**configuration["hyperparameters"], **{name: configuration[name] for name in _OUTSIDE_HYPERPARAMETERS}}
