"""Why a job failed, in words with its own numbers, and what to change before the next try."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.error_catalogue import CatalogueEntry, SuggestedEdit, entry_of
from contracts.error_taxonomy import TrainingErrorType
from contracts.job_status import JobStatus
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.domain.job import Job


@dataclass(frozen=True)
class Failure:
    """`detail`: what was said when it happened."""

    entry: CatalogueEntry
    detail: str
    likely_cause: str
    edits: tuple[SuggestedEdit, ...]


def explain(
    error_type: TrainingErrorType, code: str | None, detail: str, facts: Mapping[str, Any],
    configuration: Configuration,
) -> Failure:
    """`facts`: what is known of the run beside its configuration."""
    entry, values = entry_of(error_type, code, detail), configuration.values()
    known = {**values, "max_duration_h": values["max_duration_s"] / 3600, **facts}
    return Failure(entry, detail, entry.explained(known), entry.edits(values, known))


def failure_of(job: Job, base_model: str) -> Failure | None:
    """Of a job that failed; `base_model` as it may be shown."""
    state = job.state
    if state.status is not JobStatus.FAILED or state.error_type is None:
        return None
    facts = {"attempt": state.attempt, "step": state.step, "total_steps": state.total_steps,
             "last_checkpoint_step": state.last_checkpoint_step, **state.error_facts, "base_model": base_model}
    detail = state.reason.message if state.reason else ""
    return explain(state.error_type, state.error_code, detail, facts, job.configuration)



def suggestion(failure: Failure, after: Configuration) -> dict[str, Any]:
    """What is remembered with a retry: the edits that were suggested, and whether it has every one of them."""
    values = after.values()
    return {
        "error_code": failure.entry.code.value,
        "edits": [{"field": edit.field, "from": edit.before, "to": edit.after} for edit in failure.edits],
        "followed": bool(failure.edits) and all(values[edit.field] == edit.after for edit in failure.edits),
    }
