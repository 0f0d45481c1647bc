"""Jobs and what happened to them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.job_api.columns import count, identifier, json, metadata, moment, texts, workspace

training_jobs = Table(
    "training_jobs", metadata,
    identifier(),
    workspace(),
    Column("training_file_id", UUID(as_uuid=True), ForeignKey("training_files.id"), nullable=False),
    # what the user chose
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("notes", Text, nullable=False, server_default=""),
    count("notes_revision"),
    texts("tags"),
    Column("client", Text, nullable=False, server_default=""),
    Column("project", Text, nullable=False, server_default=""),
    # lower-cased name, notes and tags: what `q` searches
    Column("search_text", Text, nullable=False, server_default=""),
    json("configuration", default="{}"),
    Column("preset", Text, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("gpu_type", Text, nullable=False),
    Column("gpu_pricing_tier", Text, nullable=False),
    Column("max_duration_s", Integer, nullable=False, server_default=text("86400")),
    # the template it was made from, which may be gone or come with the product
    Column("template_id", UUID(as_uuid=True)),
    # what events have made of it (contracts.job_projection)
    Column("status", Text, nullable=False, server_default="pending"),
    moment("status_since", now=True),  # kept by a trigger
    json("status_reason"),
    Column("current_stage", Text),
    count("attempt"),
    count("interrupted_attempt"),
    # Attempts that their user ended, and how often the job was started.
    Column("set_aside", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    count("run"),
    Column("progress_percentage", Double, nullable=False, server_default=text("0")),
    moment("queued_at"),
    # the workspace's queue (jobs.domain.queue): null unless the job waits for its turn
    moment("waiting_since"),
    moment("promoted_at"),
    Column("start_requested_by", Text),
    # the line for a machine: null unless there is none to be had
    Column("machines_ahead", Integer),
    moment("started_at"),
    moment("completed_at"),
    Column("current_epoch", Double),
    Column("current_step", Integer),
    Column("total_steps", Integer),
    Column("latest_loss", Double),
    Column("latest_validation_loss", Double),
    Column("latest_learning_rate", Double),
    Column("latest_perplexity", Double),
    Column("eta_s", Double),
    Column("last_checkpoint_step", Integer),
    json("course", default="{}"),  # contracts.job_course
    Column("error_type", Text),
    Column("error_message", Text),
    # refines error_type; null for jobs that failed before there was one (contracts.error_catalogue)
    Column("error_code", Text),
    json("error_facts", default="{}"),
    count("retry_count"),
    count("checkpoint_recovery_count"),
    count("duration_s", BigInteger),
    # money and time foretold
    Column("reservation_id", UUID(as_uuid=True)),
    Column("reserved_micro_usd", BigInteger),
    Column("cost_estimate_micro_usd", BigInteger),
    count("actual_cost_micro_usd", BigInteger),
    Column("cost_final", Boolean, nullable=False, server_default=text("false")),
    json("estimate"),
    Column("estimated_duration_s", Double),
    # the machine of the newest attempt, whatever the provider
    Column("provider", Text),
    Column("runpod_job_id", Text),
    Column("runpod_instance_id", Text),
    json("validation"),
    Column("retry_of", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="SET NULL")),
    # The job whose checkpoint this one goes on from, and how much was trained there.
    Column("continues", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="SET NULL")),
    Column("continues_from_step", Integer),
    Column("checkpoints_expired", Boolean, nullable=False, server_default=text("false")),
    Column("done_epochs", Double, nullable=False, server_default=text("0")),
    json("adjustments", default="[]"),
    # what was suggested against the error of `retry_of`, and whether this job follows it
    json("retry_suggestion"),
    count("event_seq", BigInteger),
    Column("created_by", Text, nullable=False),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    Index("training_jobs_by_created_at", "workspace_id", "created_at", "id"),
    Index("training_jobs_by_status", "workspace_id", "status", "id"),
    Index("training_jobs_by_status_and_time", "workspace_id", "status", "created_at", "id"),
    Index("training_jobs_by_cost", "workspace_id", "actual_cost_micro_usd", "id"),
    Index("training_jobs_by_duration", "workspace_id", "duration_s", "id"),
    Index("training_jobs_by_name", "workspace_id", "name", "id"),
    Index("training_jobs_waiting", "status", "status_since", postgresql_where=text(
        "status IN ('queued', 'provisioning', 'preprocessing', 'model_loading', 'finalization', 'recovering', "
        "'paused')")),
    Index("training_jobs_by_continued", "continues", postgresql_where=text("continues IS NOT NULL")),
    Index("training_jobs_in_queue", "workspace_id", postgresql_where=text("waiting_since IS NOT NULL")),
    Index("training_jobs_by_tag", "tags", postgresql_using="gin"),
    Index("training_jobs_by_template", "workspace_id", "template_id",
          postgresql_where=text("template_id IS NOT NULL")),
    Index("training_jobs_by_file", "training_file_id"),
    Index("training_jobs_by_retry", "retry_of"),
    Index("training_jobs_ended", "workspace_id", "completed_at", postgresql_where=text("completed_at IS NOT NULL")),
    Index("training_jobs_failed", "workspace_id", "completed_at", postgresql_where=text("status = 'failed'")),
)

# Append-only: every text that a job's notes have had, counted from 1. `edited_by` is null for a text that a release
# without this table has written, whose author nobody knows.
job_notes = Table(
    "job_notes", metadata,
    Column("job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("notes", Text, nullable=False),
    Column("edited_by", Text),
    moment("edited_at", now=True),
    PrimaryKeyConstraint("job_id", "revision"),
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
    json("payload", default="{}"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    moment("received_at", now=True),
    Column("trace_id", Text),
    PrimaryKeyConstraint("job_id", "seq"),
    Index("job_events_by_type", "job_id", "type", "seq"),
    Index("job_events_of_machines", "workspace_id", "job_id", postgresql_where=text(
        "type IN ('pod.running', 'pod.interrupted')")),
)

# The newest snapshot of each kind (progress, cost): what live streams show between two entries of the log, and the
# last progress of a run until it is logged.
job_snapshots = Table(
    "job_snapshots", metadata,
    Column("job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("type", Text, nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("attempt", Integer),
    json("payload", default="{}"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    moment("received_at", now=True),
    Column("logged", Boolean, nullable=False),
    PrimaryKeyConstraint("job_id", "type"),
)

# One row for each try to start a job, written before its money is asked for and removed with the transaction that
# queues the job. What is left is released (jobs.application.reservations): `releasing_at` says that no job may be
# queued with it any more. `reservation_id` is null for tries of an older release, which had no names.
start_intents = Table(
    "start_intents", metadata,
    identifier(),
    Column("job_id", UUID(as_uuid=True), nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("reservation_id", UUID(as_uuid=True), unique=True),
    moment("asked_at", now=True),
    moment("releasing_at"),
    Index("start_intents_open", "job_id", unique=True, postgresql_where=text("releasing_at IS NULL")),
    Index("start_intents_by_time", "asked_at"),
)
