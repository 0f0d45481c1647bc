"""Every table of the provisioner. Times are timezone-aware. `running_since` and `terminated_at` of a pod are the
provider's, what a trainer reports is the trainer's, all others are the database's."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from chassis.messaging.tables import add_messaging_tables

metadata = MetaData()


def _time(name: str, *, required: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not required)


def _count(name: str) -> Column[object]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _word(name: str, default: str = "") -> Column[object]:
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


# Which jobs are to have a pod. `spec` is the start request; null when the job's end was heard of first.
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", UUID(as_uuid=True), primary_key=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("spec", JSONB),
    _count("attempt"),
    _time("accepted_at", required=True),
    _time("first_running_at"),
    _time("ended_at"),
    # What was left of checkpoints that never became whole is gone too.
    _time("swept_at"),
    _word("end_reason"),
    Column("best_step", Integer),
    _count("interruptions"),
    _count("faults"),
    _count("not_started"),
    Column("strikes_at_step", Integer, nullable=False, server_default=text("-1")),
    Column("traceparent", Text),
    # Starts are numbered; a pause names the one it ends. `paused_at` while the job is paused.
    Column("run", Integer, nullable=False, server_default=text("1")),
    Column("paused_run", Integer, nullable=False, server_default=text("-1")),
    _time("paused_at"),
    Index("jobs_to_sweep", "ended_at", postgresql_where=text("swept_at IS NULL AND ended_at IS NOT NULL")),
)

# One per attempt, saved before the provider is asked. `sequence` counts the events said about it.
# `due_at` is when the reconciler looks at it next; `lock_token` says whose look counts. `create_asked_at`: the last
# create call; `came_up_at`: first seen running; `missing_since`: the provider has not shown it since then.
pods = Table(
    "pods",
    metadata,
    Column("pod_name", Text, primary_key=True),
    Column("job_id", UUID(as_uuid=True), ForeignKey("jobs.job_id"), nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("gpu_type", Text, nullable=False),
    Column("pricing_tier", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("provider_pod_id", Text),
    _count("sequence"),
    _count("create_failures"),
    # How often the tier that the pod asks for was not to be had.
    _count("failed_offers"),
    # What the machine really is and costs, as the provider tells it.
    _word("gpu_model"),
    Column("rate_micro_usd_per_hour", BigInteger),
    Column("on_demand_micro_usd_per_hour", BigInteger),
    # Filled by the release before; its users lived in an account that lets them in no more.
    Column("nats_users", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _time("requested_at", required=True),
    # Its place in line is that of the attempt it replaces; null: `requested_at`. `waiting_since`: there is no machine
    # to be had; `told_ahead`: the place that was told last.
    _time("in_line_since"),
    _time("waiting_since"),
    Column("told_ahead", Integer),
    _time("creating_since"),
    _time("running_since"),
    _time("last_heartbeat_at"),
    Column("last_step", Integer),
    _word("stage"),
    Column("result", Text),
    _time("stop_by"),
    _time("drain_by"),
    _time("ended_at"),
    Column("exit_code", Integer),
    _time("interrupted_at"),
    # One that told of its own interruption may save until then, though the next attempt has begun.
    _time("last_words_until"),
    _word("reason"),
    _time("terminated_at"),
    # What it cost beyond its use; null: nothing, or its release did not write it down.
    Column("leaked_micro_usd", BigInteger),
    _time("create_asked_at"),
    _time("came_up_at"),
    _time("missing_since"),
    _time("closed_at"),
    _time("due_at", required=True),
    Column("lock_token", UUID(as_uuid=True)),
    _time("locked_until"),
    UniqueConstraint("job_id", "attempt", name="pods_one_per_attempt"),
    Index("pods_draining", "drain_by", postgresql_where=text("drain_by IS NOT NULL AND status <> 'terminated'")),
    Index("pods_without_machine", "provider", "requested_at", postgresql_where=text(
        "status IN ('requested', 'creating') AND provider_pod_id IS NULL")),
    Index("pods_leaked", "terminated_at", postgresql_where=text("leaked_micro_usd > 0")),
    Index("pods_due", "due_at", postgresql_where=text("status <> 'terminated'")),
)

# What trainers reported as saved. `deleted_at`: not offered any more; `purged_at`: the objects are gone.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("job_id", UUID(as_uuid=True), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("bucket", Text, nullable=False),
    Column("manifest_key", Text, nullable=False),
    Column("manifest_sha256", Text, nullable=False),
    Column("keys", JSONB, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    _time("saved_at", required=True),
    _time("deleted_at"),
    _time("purged_at"),
    Index("checkpoints_to_purge", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL AND purged_at IS NULL")),
)

# The part of the broker in which all pods of a workspace live. What is in it is signed anew whenever it changes.
broker_accounts = Table(
    "broker_accounts",
    metadata,
    Column("workspace_id", UUID(as_uuid=True), primary_key=True),
    Column("account_key", Text, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

# Every user a pod was given, until it expires. `revoked_at`: the broker must refuse it.
broker_users = Table(
    "broker_users",
    metadata,
    Column("user_key", Text, primary_key=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("pod_name", Text, nullable=False),
    _time("expires_at", required=True),
    _time("revoked_at"),
    Index("broker_users_pod", "pod_name", postgresql_where=text("revoked_at IS NULL")),
    Index("broker_users_expiry", "expires_at"),
)

add_messaging_tables(metadata)
