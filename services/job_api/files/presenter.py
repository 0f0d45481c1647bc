"""Training files as the API shows them."""

from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping

from contracts.training_file import FORMAT_NAMES, Format
from services.job_api.files.reader import Imported
from services.job_api.repository.files import READY

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
    "warnings_accepted_at",
    "created_by",
    "created_at",
    "updated_at",
)


def location(file_id: UUID) -> str:
    return f"/api/training/files/{file_id}"


def file(row: RowMapping, *, with_issues: bool = True) -> dict[str, Any]:
    """Lists leave `report.issues` out: it may have hundreds of entries."""
    report = dict(row["report"]) | ({"issues": row["issues"]} if with_issues else {})
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


def report(imported: Imported, *, with_issues: bool = True) -> dict[str, Any]:
    """The importer's report, with what counted the tokens."""
    shown = imported.report.model_dump(mode="json", exclude=None if with_issues else {"issues"})
    return shown | {"tokenizer": imported.tokenizer}


def validation(imported: Imported) -> dict[str, Any]:
    """The answer of a dry run."""
    status = READY if imported.report.can_train else "invalid"
    return {
        "object": "training_file.validation",
        "status": status,
        "summary": imported.report.one_line,
        "report": report(imported),
    }
