"""Artifacts and downloads: what is shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.job_api.edge.fields import VALIDATION, PlainText, Request, View


class ArtifactFileView(View):
    path: str
    size_bytes: int
    sha256: str


class ArtifactView(View):
    object: Literal["model_artifact"]
    id: UUID
    training_job_id: UUID
    attempt: int
    base_model: str
    adapter_model_size_bytes: int | None
    size_bytes: int = Field(description="All files together")
    files: list[ArtifactFileView]
    metrics_summary: dict[str, Any] | None
    versions: dict[str, str]
    perplexity_baseline: float | None
    perplexity_trained: float | None
    perplexity_improvement_pct: float | None
    verdict: Literal["proven", "not_proven", "worse", "too_few"] | None = Field(
        description="null until it is validated; too_few: fewer than 10 held-out conversations prove nothing")
    validation: dict[str, Any] | None = Field(description=VALIDATION)
    download_count: int
    last_downloaded_at: datetime | None
    last_downloaded_by: str | None
    created_at: datetime


class ArtifactList(View):
    object: Literal["list"]
    data: list[ArtifactView]
    has_more: Literal[False]
    next_cursor: None


class DownloadView(View):
    """`url` needs no credentials and is valid until `expires_at`; whoever has it can download."""

    object: Literal["download"]
    kind: Literal["adapters", "metrics"]
    format: Literal["safetensors", "bin", "csv", "json"]
    url: str
    expires_at: datetime
    file_name: str
    size_bytes: int
    sha256: str


class DownloadRecord(View):
    object: Literal["artifact_download"]
    id: UUID
    training_job_id: UUID
    kind: str
    format: str
    size_bytes: int | None
    downloaded_by: str
    downloaded_by_email: str | None
    credential: str
    client: str
    address: str
    downloaded_at: datetime
    expires_at: datetime | None


class DownloadList(View):
    object: Literal["list"]
    data: list[DownloadRecord]
    has_more: bool
    next_cursor: str | None


class DownloadListQuery(Request):
    limit: int = Field(default=50, ge=1, le=100)
    after: Annotated[PlainText, Field(max_length=2_000)] | None = Field(
        default=None, description="next_cursor of the page before."
    )
