"""Every table of job_api. Money is integer micro-dollars, times are timezone-aware.

The columns of `training_jobs`, `model_artifacts` and the file tables keep the names of the product text; where the
text has dollars the column says `_micro_usd`, and the API shows both.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from chassis.idempotency import idempotency_table
from chassis.inbox import inbox_table
from chassis.outbox import outbox_table

metadata = MetaData()


def _id() -> Column[object]:
    return Column("id", UUID(as_uuid=True), primary_key=True)


def _workspace() -> Column[object]:
    return Column("workspace_id", UUID(as_uuid=True), ForeignKey("workspaces.id"), nullable=False)


def _time(name: str, *, now: bool = False) -> Column[object]:
    if now:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
    return Column(name, DateTime(timezone=True))


def _text_array(name: str) -> Column[object]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"))


def _count(name: str, kind: type[Integer] | type[BigInteger] = Integer) -> Column[object]:
    return Column(name, kind, nullable=False, server_default=text("0"))


def _json(name: str, *, default: str | None = None) -> Column[object]:
    if default is None:
        return Column(name, JSONB(none_as_null=True))
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'"))


workspaces = Table(
    "workspaces", metadata,
    _id(),
    Column("name", Text, nullable=False),
    _time("created_at", now=True),
)

users = Table(
    "users", metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False, server_default=""),
    _time("created_at", now=True),
)

memberships = Table(
    "memberships", metadata,
    _workspace(),
    Column("user_id", UUID(as_uuid=True), ForeignKey("users.id"), nullable=False),
    _text_array("roles"),
    _time("created_at", now=True),
    PrimaryKeyConstraint("workspace_id", "user_id"),
)

api_keys = Table(
    "api_keys", metadata,
    _id(),
    _workspace(),
    Column("user_id", UUID(as_uuid=True), ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("prefix", Text, nullable=False, unique=True),
    Column("sha256", LargeBinary, nullable=False),
    _text_array("roles"),
    Column("created_by", Text, nullable=False),
    _time("created_at", now=True),
    _time("expires_at"),
    _time("revoked_at"),
    _time("last_used_at"),
    Index("api_keys_by_workspace", "workspace_id", "created_at"),
)

# status: `ready` (may be trained on), `invalid` (blocking errors; `issues` says which).
training_files = Table(
    "training_files", metadata,
    _id(),
    _workspace(),
    Column("name", Text, nullable=False),
    Column("original_filename", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("format", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    Column("bucket", Text, nullable=False),
    Column("source_key", Text, nullable=False),  # the upload, byte for byte
    Column("source_sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("normalised_key", Text),  # the internal form the trainer reads; null when the file is invalid
    Column("normalised_sha256", Text),
    _count("records"),
    _count("conversations"),
    _count("trainable_turns"),
    _count("tokens", BigInteger),
    _count("trainable_tokens", BigInteger),
    _count("longest_conversation_tokens"),
    _count("error_count"),
    _count("warning_count"),
    _json("issues", default="[]"),
    _json("report", default="{}"),
    Column("warnings_accepted_by", Text),
    _time("warnings_accepted_at"),
    Column("created_by", Text, nullable=False),
    _time("created_at", now=True),
    _time("updated_at", now=True),
    Index("training_files_by_workspace", "workspace_id", "created_at", "id"),
    Index("training_files_by_content", "workspace_id", "source_sha256"),
)

training_jobs = Table(
    "training_jobs", metadata,
    _id(),
    _workspace(),
    Column("training_file_id", UUID(as_uuid=True), ForeignKey("training_files.id"), nullable=False),
    # what the user chose
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("notes", Text, nullable=False, server_default=""),
    _text_array("tags"),
    # lower-cased name, notes and tags: what `q` searches
    Column("search_text", Text, nullable=False, server_default=""),
    _json("configuration", default="{}"),
    Column("preset", Text, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("gpu_type", Text, nullable=False),
    Column("gpu_pricing_tier", Text, nullable=False),
    Column("max_duration_s", Integer, nullable=False, server_default=text("86400")),
    # what events have made of it (contracts.job_projection)
    Column("status", Text, nullable=False, server_default="pending"),
    _json("status_reason"),
    Column("current_stage", Text),
    _count("attempt"),
    _count("interrupted_attempt"),
    Column("progress_percentage", Double, nullable=False, server_default=text("0")),
    _time("queued_at"),
    _time("started_at"),
    _time("completed_at"),
    Column("current_epoch", Double),
    Column("current_step", Integer),
    Column("total_steps", Integer),
    Column("latest_loss", Double),
    Column("latest_validation_loss", Double),
    Column("latest_learning_rate", Double),
    Column("latest_perplexity", Double),
    Column("eta_s", Double),
    Column("last_checkpoint_step", Integer),
    Column("error_type", Text),
    Column("error_message", Text),
    _count("retry_count"),
    _count("checkpoint_recovery_count"),
    _count("duration_s", BigInteger),
    # money and time foretold
    Column("reservation_id", UUID(as_uuid=True)),
    Column("cost_estimate_micro_usd", BigInteger),
    _count("actual_cost_micro_usd", BigInteger),
    Column("cost_final", Boolean, nullable=False, server_default=text("false")),
    _json("estimate"),
    Column("estimated_duration_s", Double),
    # the machine of the newest attempt, whatever the provider
    Column("provider", Text),
    Column("runpod_job_id", Text),
    Column("runpod_instance_id", Text),
    _json("validation"),
    Column("retry_of", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="SET NULL")),
    _json("adjustments", default="[]"),
    _count("event_seq", BigInteger),
    Column("created_by", Text, nullable=False),
    _time("created_at", now=True),
    _time("updated_at", now=True),
    Index("training_jobs_by_created_at", "workspace_id", "created_at", "id"),
    Index("training_jobs_by_status", "workspace_id", "status", "id"),
    Index("training_jobs_by_status_and_time", "workspace_id", "status", "created_at", "id"),
    Index("training_jobs_by_cost", "workspace_id", "actual_cost_micro_usd", "id"),
    Index("training_jobs_by_duration", "workspace_id", "duration_s", "id"),
    Index("training_jobs_by_name", "workspace_id", "name", "id"),
    Index("training_jobs_by_tag", "tags", postgresql_using="gin"),
    Index("training_jobs_by_file", "training_file_id"),
    Index("training_jobs_by_retry", "retry_of"),
)

# Append-only. `seq` counts a job's events from 1 without gaps; it is given while the job's row is locked, so a
# reader that has seen n has seen everything up to n.
job_events = Table(
    "job_events", metadata,
    Column("job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("attempt", Integer),
    _json("payload", default="{}"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    _time("received_at", now=True),
    PrimaryKeyConstraint("job_id", "seq"),
    Index("job_events_by_type", "job_id", "type", "seq"),
)

# Written before the budget is asked for a reservation, removed with the transaction that queues the job: what is
# left over after a crash or a lost race is released (services.job_api.reservations).
reservation_intents = Table(
    "reservation_intents", metadata,
    Column("job_id", UUID(as_uuid=True), primary_key=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    _time("asked_at", now=True),
    Index("reservation_intents_by_time", "asked_at"),
)

model_artifacts = Table(
    "model_artifacts", metadata,
    _id(),
    _workspace(),
    Column("training_job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id"), nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("adapter_model_path", Text, nullable=False),
    Column("adapter_config_path", Text, nullable=False),
    Column("adapter_model_size_bytes", BigInteger),
    Column("metrics_file_path", Text),
    _json("metrics_summary"),
    _json("versions", default="{}"),
    Column("validation_report_path", Text),
    Column("perplexity_baseline", Double),
    Column("perplexity_trained", Double),
    Column("perplexity_improvement_pct", Double),
    _json("validation"),
    Column("ei_score_baseline", Double),
    Column("ei_score_trained", Double),
    Column("ei_improvement_pct", Double),
    Column("forgetting_retention_pct", Double),
    Column("brand_voice_consistency_pct", Double),
    Column("deployment_package_path", Text),
    _count("download_count"),
    _time("last_downloaded_at"),
    Column("last_downloaded_by", Text),
    _time("created_at", now=True),
)

artifact_files = Table(
    "artifact_files", metadata,
    _id(),
    Column("model_artifact_id", UUID(as_uuid=True), ForeignKey("model_artifacts.id", ondelete="CASCADE"),
           nullable=False),
    Column("training_job_id", UUID(as_uuid=True), nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("path", Text, nullable=False),  # the name inside the delivery
    Column("bucket", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    _time("created_at", now=True),
    UniqueConstraint("training_job_id", "path", name="artifact_files_path"),
    Index("artifact_files_by_artifact", "model_artifact_id"),
)

# Who took what, when. `kind`: adapters, metrics, file, ...
artifact_downloads = Table(
    "artifact_downloads", metadata,
    _id(),
    _workspace(),
    Column("training_job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("format", Text, nullable=False, server_default=""),
    Column("object_key", Text),
    Column("size_bytes", BigInteger),
    Column("downloaded_by", Text, nullable=False),
    Column("credential", Text, nullable=False),  # jwt or api_key
    Column("client", Text, nullable=False, server_default=""),  # User-Agent
    Column("address", Text, nullable=False, server_default=""),  # where the request came from
    _time("expires_at"),
    _time("downloaded_at", now=True),
    Index("artifact_downloads_by_job", "training_job_id", "downloaded_at"),
    Index("artifact_downloads_by_workspace", "workspace_id", "downloaded_at"),
)

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
idempotency_keys = idempotency_table(metadata)
