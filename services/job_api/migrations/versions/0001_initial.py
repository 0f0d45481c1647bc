"""The first schema."""

from alembic import op

from chassis.database.messaging_tables import create_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE idempotency_keys (
    id BYTEA NOT NULL,
    workspace_id UUID NOT NULL,
    subject TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    lock_token UUID NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE,
    fingerprint BYTEA,
    status SMALLINT,
    headers JSONB,
    body BYTEA,
    PRIMARY KEY (id)
);

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

CREATE TABLE users (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    display_name TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (email)
);

CREATE TABLE workspaces (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE api_keys (
    id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    user_id UUID NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    prefix TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    roles TEXT[] DEFAULT '{}' NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    FOREIGN KEY(user_id) REFERENCES users (id),
    UNIQUE (prefix)
);

CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, created_at);

CREATE TABLE memberships (
    workspace_id UUID NOT NULL,
    user_id UUID NOT NULL,
    roles TEXT[] DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (workspace_id, user_id),
    FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE training_files (
    id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    name TEXT NOT NULL,
    original_filename TEXT DEFAULT '' NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    format TEXT NOT NULL,
    status TEXT NOT NULL,
    summary TEXT DEFAULT '' NOT NULL,
    bucket TEXT NOT NULL,
    source_key TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    normalised_key TEXT,
    normalised_sha256 TEXT,
    records INTEGER DEFAULT 0 NOT NULL,
    conversations INTEGER DEFAULT 0 NOT NULL,
    trainable_turns INTEGER DEFAULT 0 NOT NULL,
    tokens BIGINT DEFAULT 0 NOT NULL,
    trainable_tokens BIGINT DEFAULT 0 NOT NULL,
    longest_conversation_tokens INTEGER DEFAULT 0 NOT NULL,
    error_count INTEGER DEFAULT 0 NOT NULL,
    warning_count INTEGER DEFAULT 0 NOT NULL,
    issues JSONB DEFAULT '[]' NOT NULL,
    report JSONB DEFAULT '{}' NOT NULL,
    warnings_accepted_by TEXT,
    warnings_accepted_at TIMESTAMP WITH TIME ZONE,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE INDEX training_files_by_content ON training_files (workspace_id, source_sha256);

CREATE INDEX training_files_by_workspace ON training_files (workspace_id, created_at, id);

CREATE TABLE training_jobs (
    id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    training_file_id UUID NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    notes TEXT DEFAULT '' NOT NULL,
    tags TEXT[] DEFAULT '{}' NOT NULL,
    search_text TEXT DEFAULT '' NOT NULL,
    configuration JSONB DEFAULT '{}' NOT NULL,
    preset TEXT NOT NULL,
    base_model TEXT NOT NULL,
    gpu_type TEXT NOT NULL,
    gpu_pricing_tier TEXT NOT NULL,
    max_duration_s INTEGER DEFAULT 86400 NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    status_reason JSONB,
    current_stage TEXT,
    attempt INTEGER DEFAULT 0 NOT NULL,
    interrupted_attempt INTEGER DEFAULT 0 NOT NULL,
    progress_percentage DOUBLE PRECISION DEFAULT 0 NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE,
    started_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    current_epoch DOUBLE PRECISION,
    current_step INTEGER,
    total_steps INTEGER,
    latest_loss DOUBLE PRECISION,
    latest_validation_loss DOUBLE PRECISION,
    latest_learning_rate DOUBLE PRECISION,
    latest_perplexity DOUBLE PRECISION,
    eta_s DOUBLE PRECISION,
    last_checkpoint_step INTEGER,
    error_type TEXT,
    error_message TEXT,
    retry_count INTEGER DEFAULT 0 NOT NULL,
    checkpoint_recovery_count INTEGER DEFAULT 0 NOT NULL,
    duration_s BIGINT DEFAULT 0 NOT NULL,
    reservation_id UUID,
    cost_estimate_micro_usd BIGINT,
    actual_cost_micro_usd BIGINT DEFAULT 0 NOT NULL,
    cost_final BOOLEAN DEFAULT false NOT NULL,
    estimate JSONB,
    estimated_duration_s DOUBLE PRECISION,
    provider TEXT,
    runpod_job_id TEXT,
    runpod_instance_id TEXT,
    validation JSONB,
    retry_of UUID,
    adjustments JSONB DEFAULT '[]' NOT NULL,
    event_seq BIGINT DEFAULT 0 NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    FOREIGN KEY(training_file_id) REFERENCES training_files (id),
    FOREIGN KEY(retry_of) REFERENCES training_jobs (id) ON DELETE SET NULL
);

CREATE INDEX training_jobs_by_cost ON training_jobs (workspace_id, actual_cost_micro_usd, id);

CREATE INDEX training_jobs_by_created_at ON training_jobs (workspace_id, created_at, id);

CREATE INDEX training_jobs_by_duration ON training_jobs (workspace_id, duration_s, id);

CREATE INDEX training_jobs_by_file ON training_jobs (training_file_id);

CREATE INDEX training_jobs_by_name ON training_jobs (workspace_id, name, id);

CREATE INDEX training_jobs_by_retry ON training_jobs (retry_of);

CREATE INDEX training_jobs_by_status ON training_jobs (workspace_id, status, id);

CREATE INDEX training_jobs_by_status_and_time ON training_jobs (workspace_id, status, created_at, id);

CREATE INDEX training_jobs_by_tag ON training_jobs USING gin (tags);

CREATE TABLE artifact_downloads (
    id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    training_job_id UUID NOT NULL,
    kind TEXT NOT NULL,
    format TEXT DEFAULT '' NOT NULL,
    object_key TEXT,
    size_bytes BIGINT,
    downloaded_by TEXT NOT NULL,
    credential TEXT NOT NULL,
    client TEXT DEFAULT '' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    downloaded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    FOREIGN KEY(training_job_id) REFERENCES training_jobs (id)
);

CREATE INDEX artifact_downloads_by_job ON artifact_downloads (training_job_id, downloaded_at);

CREATE INDEX artifact_downloads_by_workspace ON artifact_downloads (workspace_id, downloaded_at);

CREATE TABLE job_events (
    job_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    workspace_id UUID NOT NULL,
    event_id UUID NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    attempt INTEGER,
    payload JSONB DEFAULT '{}' NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (job_id, seq),
    FOREIGN KEY(job_id) REFERENCES training_jobs (id) ON DELETE CASCADE,
    UNIQUE (event_id)
);

CREATE INDEX job_events_by_type ON job_events (job_id, type, seq);

CREATE TABLE reservation_intents (
    job_id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (job_id)
);

CREATE INDEX reservation_intents_by_time ON reservation_intents (asked_at);

CREATE TABLE model_artifacts (
    id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    training_job_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    bucket TEXT NOT NULL,
    base_model TEXT NOT NULL,
    adapter_model_path TEXT NOT NULL,
    adapter_config_path TEXT NOT NULL,
    adapter_model_size_bytes BIGINT,
    metrics_file_path TEXT,
    metrics_summary JSONB,
    versions JSONB DEFAULT '{}' NOT NULL,
    validation_report_path TEXT,
    perplexity_baseline DOUBLE PRECISION,
    perplexity_trained DOUBLE PRECISION,
    perplexity_improvement_pct DOUBLE PRECISION,
    validation JSONB,
    ei_score_baseline DOUBLE PRECISION,
    ei_score_trained DOUBLE PRECISION,
    ei_improvement_pct DOUBLE PRECISION,
    forgetting_retention_pct DOUBLE PRECISION,
    brand_voice_consistency_pct DOUBLE PRECISION,
    deployment_package_path TEXT,
    download_count INTEGER DEFAULT 0 NOT NULL,
    last_downloaded_at TIMESTAMP WITH TIME ZONE,
    last_downloaded_by TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    UNIQUE (training_job_id),
    FOREIGN KEY(training_job_id) REFERENCES training_jobs (id)
);

CREATE TABLE artifact_files (
    id UUID NOT NULL,
    model_artifact_id UUID NOT NULL,
    training_job_id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    path TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT artifact_files_path UNIQUE (training_job_id, path),
    FOREIGN KEY(model_artifact_id) REFERENCES model_artifacts (id) ON DELETE CASCADE
);

CREATE INDEX artifact_files_by_artifact ON artifact_files (model_artifact_id)
"""


def upgrade() -> None:
    create_messaging_tables(op)
    # The driver takes one statement at a time.
    for statement in SCHEMA.split(";\n"):
        op.execute(statement)
