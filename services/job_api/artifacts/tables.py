"""What trainings delivered and who took it."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import count, identifier, json, metadata, moment, workspace

model_artifacts = Table(
    "model_artifacts", metadata,
    identifier(),
    workspace(),
    Column("training_job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id"), nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("adapter_model_path", Text, nullable=False),
    Column("adapter_config_path", Text, nullable=False),
    Column("adapter_model_size_bytes", BigInteger),
    Column("metrics_file_path", Text),
    json("metrics_summary"),
    json("versions", default="{}"),
    Column("validation_report_path", Text),
    Column("perplexity_baseline", Double),
    Column("perplexity_trained", Double),
    Column("perplexity_improvement_pct", Double),
    json("validation"),
    Column("ei_score_baseline", Double),
    Column("ei_score_trained", Double),
    Column("ei_improvement_pct", Double),
    Column("forgetting_retention_pct", Double),
    Column("brand_voice_consistency_pct", Double),
    Column("deployment_package_path", Text),
    count("download_count"),
    moment("last_downloaded_at"),
    Column("last_downloaded_by", Text),
    moment("created_at", now=True),
)

artifact_files = Table(
    "artifact_files", metadata,
    identifier(),
    Column("model_artifact_id", UUID(as_uuid=True), ForeignKey("model_artifacts.id", ondelete="CASCADE"),
           nullable=False),
    Column("training_job_id", UUID(as_uuid=True), nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("path", Text, nullable=False),  # the name inside the delivery
    Column("bucket", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    moment("created_at", now=True),
    UniqueConstraint("training_job_id", "path", name="artifact_files_path"),
    Index("artifact_files_by_artifact", "model_artifact_id"),
)

# Who took what, when. `kind`: adapters, metrics, file, ...
artifact_downloads = Table(
    "artifact_downloads", metadata,
    identifier(),
    workspace(),
    Column("training_job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("format", Text, nullable=False, server_default=""),
    Column("object_key", Text),
    Column("size_bytes", BigInteger),
    Column("downloaded_by", Text, nullable=False),
    Column("credential", Text, nullable=False),  # jwt or api_key
    Column("client", Text, nullable=False, server_default=""),  # User-Agent
    Column("address", Text, nullable=False, server_default=""),  # where the request came from
    moment("expires_at"),
    moment("downloaded_at", now=True),
    Index("artifact_downloads_by_job", "training_job_id", "downloaded_at"),
    Index("artifact_downloads_by_workspace", "workspace_id", "downloaded_at"),
)
