"""Training files as the API shows them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.engine import RowMapping

from contracts.training_file import FORMAT_NAMES, Format
from services.job_api.base_models import shown_base_model
from services.job_api.files.reader import Imported, Previews
from services.job_api.files.repository.references import READY
from services.job_api.files.service import imported_report

_PLAIN = (
    "id",
    "workspace_id",
    "name",
    "original_filename",
    "description",
    "format",
    "status",
    "summary",
    "size_bytes",
    "records",
    "conversations",
    "trainable_turns",
    "tokens",
    "trainable_tokens",
    "longest_conversation_tokens",
    "error_count",
    "warning_count",
    "duplicate_of",
    "job_count",
    "warnings_accepted_by",
    "warnings_accepted_by_name",
    "warnings_accepted_at",
    "created_by",
    "created_at",
    "updated_at",
)


def location(file_id: UUID | str) -> str:
    return f"/api/training/files/{file_id}"


def file(row: RowMapping, *, with_issues: bool = True) -> dict[str, Any]:
    """Lists leave `report.issues` out: it may have hundreds of entries."""
    report = _report(row["report"]) | ({"issues": row["issues"]} if with_issues else {})
    form = row["format"]
    return (
        {"object": "training_file"}
        | {name: row[name] for name in _PLAIN}
        | {
            "format_name": FORMAT_NAMES[Format(form)] if form in set(Format) else form,
            "sha256": row["source_sha256"],
            "tokens_exact": bool(report.get("tokens_exact")),
            "can_train": row["status"] == READY,
            "report": report,
        }
    )


def report(imported: Imported) -> dict[str, Any]:
    """The importer's report with all its issues."""
    issues = [issue.model_dump(mode="json") for issue in imported.report.issues]
    return _report(imported_report(imported)) | {"issues": issues}


def _report(stored: Mapping[str, Any]) -> dict[str, Any]:
    """`tokenizer` is the base model whose tokenizer counted."""
    name = stored.get("tokenizer")
    return {**stored, "tokenizer": shown_base_model(name) if name else None}


def validation(imported: Imported) -> dict[str, Any]:
    """The answer of a dry run."""
    status = READY if imported.report.can_train else "invalid"
    return {
        "object": "training_file.validation",
        "status": status,
        "summary": imported.report.one_line,
        "report": report(imported),
    }


def preview(
    row: RowMapping, previews: Previews, max_seq_length: int, conversations: orjson.Fragment
) -> dict[str, Any]:
    """`conversations` is the JSON list that was written beside the stored form, as it is."""
    return {
        "object": "training_file.preview",
        "training_file_id": row["id"],
        "name": row["name"],
        "total_conversations": row["conversations"],
        "max_seq_length": max_seq_length,
        "tokens_exact": previews.tokenizer is not None,
        "tokenizer": shown_base_model(previews.tokenizer) if previews.tokenizer else None,
        "conversations": conversations,
    }


def deleted(row: RowMapping) -> dict[str, Any]:
    return {"object": "training_file", "id": row["id"], "deleted": True}
