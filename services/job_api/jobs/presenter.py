"""Jobs and their events as the API shows them. `schemas` documents the same shapes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping

from contracts.error_catalogue import SuggestedEdit
from contracts.job_reasons import WAITING_FOR_TURN
from contracts.job_status import JobAction, JobStatus, allowed_actions
from contracts.model_memory import GIB, Fit
from services.job_api.amounts import dollars
from services.job_api.base_models import shown_base_model, with_shown_base_models
from services.job_api.jobs.application.retry_job import Proposal
from services.job_api.jobs.domain.configuration import differences_from_preset
from services.job_api.jobs.domain.failure import Failure, failure_of
from services.job_api.jobs.domain.queue import Place, in_words
from services.job_api.jobs.domain.steering import blocked_reason
from services.job_api.jobs.domain.success import Success
from services.job_api.jobs.domain.trainer_output import Line, TrainerOutput
from services.job_api.jobs.progress_view import interruptions, progress
from services.job_api.jobs.repository.job_rows import job_of

Row = RowMapping | Mapping[str, Any]

_PLAIN = (
    "id", "workspace_id", "training_file_id", "training_file_name", "name", "description", "notes", "notes_revision",
    "tags", "client", "project", "preset",
    "gpu_type", "gpu_pricing_tier", "status", "current_stage", "attempt",
    "progress_percentage", "queued_at", "started_at", "completed_at", "current_epoch", "current_step", "total_steps",
    "latest_loss", "latest_validation_loss", "latest_learning_rate", "latest_perplexity",
    "last_checkpoint_step", "error_type", "error_message", "retry_count", "checkpoint_recovery_count", "provider",
    "runpod_job_id", "runpod_instance_id", "validation", "template_id", "retry_of", "continues",
    "continues_from_step", "continued_by", "adjustments", "retry_suggestion", "created_by", "created_by_name",
    "created_at", "updated_at",
)


def location(job_id: UUID | str) -> str:
    return f"/api/training/jobs/{job_id}"


def job(row: Row) -> dict[str, Any]:
    """`place` of a row: where a job stands that waits for its turn (application.places)."""
    ended = row["completed_at"] is not None and row["started_at"] is not None
    return {"object": "training_job"} | {name: row[name] for name in _PLAIN} | {
        "base_model": shown_base_model(row["base_model"]),
        "configuration": with_shown_base_models(row["configuration"]),
        "error": failure(row),
        "differences_from_preset": differences_from_preset(row["preset"], row["configuration"]["hyperparameters"]),
        "allowed_actions": _actions(row),
        "status_reason": _reason(row),
        "queue": _queue(row),
        "resume_blocked_reason": blocked_reason(
            JobStatus(row["status"]), has_checkpoint=row["last_checkpoint_step"] is not None,
            expired=row["checkpoints_expired"]),
        "cost_estimate": dollars(row["cost_estimate_micro_usd"]),
        "cost_estimate_micro_usd": row["cost_estimate_micro_usd"],
        "estimate": row["estimate"],
        "actual_cost": dollars(row["actual_cost_micro_usd"]),
        "actual_cost_micro_usd": row["actual_cost_micro_usd"],
        "cost_is_final": row["cost_final"],
        "estimated_duration_minutes": _minutes(row["estimated_duration_s"]),
        "estimated_duration_seconds": row["estimated_duration_s"],
        "actual_duration_minutes": _minutes(row["duration_s"]) if ended else None,
        "duration_seconds": row["duration_s"],
        "estimated_time_remaining_minutes": _minutes(row["eta_s"]),
        "estimated_time_remaining_seconds": row["eta_s"],
        "last_event_seq": row["event_seq"],
        "progress": progress(row),
        "interruptions": interruptions(row),
    }


_COMPACT = (
    "id", "name", "tags", "client", "project", "template_id", "training_file_id", "preset", "gpu_type",
    "gpu_pricing_tier", "status", "current_stage", "progress_percentage", "current_epoch", "current_step",
    "total_steps", "latest_loss", "error_type", "retry_count", "cost_estimate_micro_usd", "actual_cost_micro_usd",
    "created_by", "created_by_name", "created_at", "started_at", "completed_at", "updated_at",
)


def compact_job(row: Row) -> dict[str, Any]:
    """What a table shows of a job: the fields of `job` with the same names and values, without the large ones."""
    return {"object": "training_job"} | {name: row[name] for name in _COMPACT} | {
        "allowed_actions": _actions(row),
        "queue": _queue(row),
        "cost_estimate": dollars(row["cost_estimate_micro_usd"]),
        "actual_cost": dollars(row["actual_cost_micro_usd"]),
        "cost_is_final": row["cost_final"],
        "duration_seconds": row["duration_s"],
        "estimated_time_remaining_seconds": row["eta_s"],
    }


CSV_COLUMNS = (
    "id", "name", "status", "preset", "client", "project", "tags", "gpu_type", "gpu_pricing_tier", "created_by",
    "created_at", "started_at", "completed_at", "duration_seconds", "progress_percentage", "cost_estimate",
    "cost_estimate_micro_usd", "actual_cost", "actual_cost_micro_usd", "cost_is_final", "latest_loss", "error_type",
    "retry_count", "training_file_id", "template_id", "created_by_name",
)


def job_cells(row: Row) -> list[Any]:
    """A line of the list as CSV: the compact view, tags in one cell."""
    shown = compact_job({**row, "place": None})
    return [", ".join(shown[name]) if name == "tags" else shown[name] for name in CSV_COLUMNS]


def notes(row: Row) -> dict[str, Any]:
    """A text that a job's notes have had."""
    return {"object": "training_job.notes"} | {
        name: row[name] for name in ("job_id", "revision", "notes", "edited_by", "edited_by_name", "edited_at")}


def queued_job(row: Row) -> dict[str, Any]:
    """What the list of a queue shows of a job."""
    return {
        "object": "queued_job", "job_id": row["id"], "name": row["name"], "preset": row["preset"],
        "created_by": row["created_by"], "requested_by": row["start_requested_by"],
        "requested_by_name": row["requested_by_name"],
        "waiting_since": row["waiting_since"], "promoted_at": row["promoted_at"],
        "cost_estimate": dollars(row["cost_estimate_micro_usd"]),
        "cost_estimate_micro_usd": row["cost_estimate_micro_usd"],
        "estimated_duration_seconds": row["estimated_duration_s"], **_place(row["place"])}


def _actions(row: Row) -> tuple[JobAction, ...]:
    continuable = row["last_checkpoint_step"] is not None and not row["checkpoints_expired"]
    return allowed_actions(
        JobStatus(row["status"]), continuable=continuable, waits_for_turn=row["waiting_since"] is not None)


def _reason(row: Row) -> dict[str, Any] | None:
    place: Place | None = row.get("place")
    if place is None:
        return row["status_reason"]  # type: ignore[no-any-return]
    return {"code": WAITING_FOR_TURN, "message": in_words(place), "suggested_fix": ""}


def _queue(row: Row) -> dict[str, Any] | None:
    """Its place in its workspace's queue, or in the line for a machine."""
    place: Place | None = row.get("place")
    if place is None and (ahead := row["machines_ahead"]) is not None:
        return {"position": ahead + 1, "ahead": ahead, "expected_start_at": None, "reason": "capacity"}
    return None if place is None else _place(place)


def _place(place: Place) -> dict[str, Any]:
    return {"position": place.position, "ahead": place.ahead, "expected_start_at": place.expected_start_at,
            "reason": place.reason}


def failure(row: Row) -> dict[str, Any] | None:
    """Why the job failed, as its row tells; None for one that did not."""
    if row["status"] != JobStatus.FAILED:
        return None
    found = failure_of(job_of(row), shown_base_model(row["base_model"]))
    return error(found) if found else None


def error(found: Failure) -> dict[str, Any]:
    entry = found.entry
    return {
        "code": entry.code, "error_type": entry.error_type, "class": entry.failure_class, "title": entry.title,
        "problem": entry.problem, "likely_cause": found.likely_cause, "detail": found.detail,
        "what_to_do": entry.what_to_do, "retryable": entry.retryable, "docs_url": entry.docs_url,
        "suggested_edits": [edit(item) for item in found.edits],
    }


def proposal(found: Proposal) -> dict[str, Any]:
    row = found.row
    return {
        "object": "training_job.retry_proposal", "job_id": found.job.id, "name": row["name"],
        "error": error(found.failure) if found.failure else None, "differences": row["adjustments"],
        "follows_suggestion": bool(row["retry_suggestion"] and row["retry_suggestion"]["followed"]),
        "suggestion_success": success(found.success),
        "configuration": with_shown_base_models(row["configuration"]), "estimate": row.get("estimate"),
        "cost_estimate": dollars(row.get("cost_estimate_micro_usd")),
        "cost_estimate_micro_usd": row.get("cost_estimate_micro_usd"),
        "estimated_duration_seconds": row.get("estimated_duration_s"),
    }


def success(found: Success) -> dict[str, Any]:
    return {"retries": found.retries, "ended": found.ended, "completed": found.completed, "success_rate": found.rate}


def memory(found: Fit | None) -> dict[str, Any] | None:
    if found is None:
        return None
    need = found.need
    return {
        "needed_gib": gib(need.total), "available_gib": gib(found.available), "base_model_gib": gib(need.base_model),
        "adapter_gib": gib(need.adapter), "activations_gib": gib(need.activations), "workspace_gib": gib(need.fixed),
        "longest_conversation_tokens": need.tokens, "tokens_at_once": found.tokens_at_once,
    }


def gib(size: int) -> float:
    return round(size / GIB, 2)


def edit(item: SuggestedEdit) -> dict[str, Any]:
    return {"field": item.field, "from": item.before, "to": item.after}


def event(row: Row) -> dict[str, Any]:
    return {
        "object": "training_job.event", "id": row["event_id"], "seq": row["seq"], "job_id": row["job_id"],
        "type": row["type"], "level": row["level"], "message": row["message"], "attempt": row["attempt"],
        "source": row["source"], "payload": with_shown_base_models(row["payload"]), "occurred_at": row["occurred_at"],
        "received_at": row["received_at"],
    }


def snapshot(row: Row) -> dict[str, Any]:
    """An event that is in no log: it has no number."""
    return event({**row, "seq": None})


def _minutes(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds / 60)


def log(job_id: UUID, output: TrainerOutput) -> dict[str, Any]:
    lines = None if output.lines is None else [_line(line) for line in output.lines]
    navigation = ("attempt", "source", "next_after", "next_before", "more_after", "more_before")
    return {"object": "training_job.log", "job_id": job_id, "lines": lines} | {
        name: getattr(output, name) for name in navigation} | {
        "attempts": [kept.model_dump() for kept in output.attempts],
        "text": output.text if output.lines is None else "".join(f"{line.text}\n" for line in output.lines),
        "next_offset": output.next_offset,
        "end": output.end if output.more_after is None else not output.more_after,
        "details": output.details,
    }


def _line(line: Line) -> dict[str, Any]:
    return {"line": line.line, "time": _moment(line.time), "level": line.level.value, "text": line.text}


def _moment(seconds: float | None) -> datetime | None:
    """None for a time beyond the calendar: it is what a machine's clock said."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
