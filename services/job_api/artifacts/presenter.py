"""Artifacts and downloads as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import RowMapping

from services.job_api.artifacts.application.downloads import HandedOut
from services.job_api.base_models import shown_base_model

_MODEL = (
    "id",
    "training_job_id",
    "attempt",
    "adapter_model_size_bytes",
    "metrics_summary",
    "versions",
    "perplexity_baseline",
    "perplexity_trained",
    "perplexity_improvement_pct",
    "validation",
    "download_count",
    "last_downloaded_at",
    "last_downloaded_by",
    "created_at",
)
_RECORD = (
    "id",
    "training_job_id",
    "kind",
    "format",
    "size_bytes",
    "downloaded_by",
    "credential",
    "client",
    "address",
    "downloaded_at",
    "expires_at",
)


def model(row: RowMapping, files: Sequence[RowMapping]) -> dict[str, Any]:
    return (
        {"object": "model_artifact"}
        | {name: row[name] for name in _MODEL}
        | {
            "base_model": shown_base_model(row["base_model"]),
            "verdict": (row["validation"] or {}).get("verdict"),
            "size_bytes": sum(file["size_bytes"] for file in files),
            "files": [{name: file[name] for name in ("path", "size_bytes", "sha256")} for file in files],
        }
    )


def download(found: HandedOut) -> dict[str, Any]:
    return {
        "object": "download",
        "kind": found.kind,
        "format": found.form,
        "url": found.url,
        "expires_at": found.expires_at,
        "file_name": found.delivery.file_name,
        "size_bytes": found.delivery.size,
        "sha256": found.delivery.sha256,
    }


def record(row: RowMapping, emails: Mapping[str, str]) -> dict[str, Any]:
    return (
        {"object": "artifact_download"}
        | {name: row[name] for name in _RECORD}
        | {"downloaded_by_email": emails.get(row["downloaded_by"])}
    )
