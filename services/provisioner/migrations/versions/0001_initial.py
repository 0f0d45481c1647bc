"""The first schema."""

from alembic import op

from chassis.database.messaging_tables import create_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE checkpoints (
    job_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    step INTEGER NOT NULL,
    workspace_id UUID NOT NULL,
    bucket TEXT NOT NULL,
    manifest_key TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL,
    keys JSONB NOT NULL,
    size_bytes BIGINT NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    purged_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (job_id, attempt, step)
);

CREATE INDEX checkpoints_to_purge ON checkpoints (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE jobs (
    job_id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    state TEXT NOT NULL,
    spec JSONB,
    attempt INTEGER DEFAULT 0 NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    first_running_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    end_reason TEXT DEFAULT '' NOT NULL,
    best_step INTEGER,
    interruptions INTEGER DEFAULT 0 NOT NULL,
    faults INTEGER DEFAULT 0 NOT NULL,
    not_started INTEGER DEFAULT 0 NOT NULL,
    strikes_at_step INTEGER DEFAULT -1 NOT NULL,
    traceparent TEXT,
    PRIMARY KEY (job_id)
);

CREATE TABLE pods (
    pod_name TEXT NOT NULL,
    job_id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    provider TEXT NOT NULL,
    gpu_type TEXT NOT NULL,
    pricing_tier TEXT NOT NULL,
    status TEXT NOT NULL,
    provider_pod_id TEXT,
    sequence INTEGER DEFAULT 0 NOT NULL,
    create_failures INTEGER DEFAULT 0 NOT NULL,
    nats_users TEXT[] DEFAULT '{}' NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    creating_since TIMESTAMP WITH TIME ZONE,
    running_since TIMESTAMP WITH TIME ZONE,
    last_heartbeat_at TIMESTAMP WITH TIME ZONE,
    last_step INTEGER,
    stage TEXT DEFAULT '' NOT NULL,
    result TEXT,
    stop_by TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    exit_code INTEGER,
    interrupted_at TIMESTAMP WITH TIME ZONE,
    reason TEXT DEFAULT '' NOT NULL,
    terminated_at TIMESTAMP WITH TIME ZONE,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lock_token UUID,
    locked_until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (pod_name),
    CONSTRAINT pods_one_per_attempt UNIQUE (job_id, attempt),
    FOREIGN KEY(job_id) REFERENCES jobs (job_id)
);

CREATE INDEX pods_due ON pods (due_at) WHERE status <> 'terminated';
"""


def upgrade() -> None:
    create_messaging_tables(op)
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in ("checkpoints", "pods", "jobs", "inbox", "outbox"):
        op.drop_table(table)
