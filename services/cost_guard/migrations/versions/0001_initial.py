"""Rates, budgets, jobs with reservations, billing intervals, alerts; the first rates."""

from alembic import op

from chassis.database.messaging_tables import create_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE gpu_rates (
    gpu_type TEXT NOT NULL,
    pricing_tier TEXT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    micro_usd_per_hour BIGINT NOT NULL CHECK (micro_usd_per_hour >= 0),
    changed_by TEXT NOT NULL,
    PRIMARY KEY (gpu_type, pricing_tier, valid_from)
);
INSERT INTO gpu_rates VALUES
    ('h100_pcie_80gb', 'spot', '2020-01-01T00:00:00Z', 2490000, 'initial rates'),
    ('h100_pcie_80gb', 'on_demand', '2020-01-01T00:00:00Z', 7990000, 'initial rates'),
    ('local', 'spot', '2020-01-01T00:00:00Z', 100000, 'initial rates'),
    ('local', 'on_demand', '2020-01-01T00:00:00Z', 100000, 'initial rates');

CREATE TABLE budgets (
    workspace_id UUID PRIMARY KEY,
    limit_micro_usd BIGINT NOT NULL CHECK (limit_micro_usd >= 0),
    changed_by TEXT NOT NULL DEFAULT 'default',
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
    job_id UUID PRIMARY KEY,
    workspace_id UUID NOT NULL,
    reservation_id UUID,
    reserved_micro_usd BIGINT NOT NULL DEFAULT 0 CHECK (reserved_micro_usd >= 0),
    estimate_micro_usd BIGINT,
    estimate JSONB,
    physical_s DOUBLE PRECISION,
    estimate_key TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ,
    outcome TEXT,
    overrun_said BOOLEAN NOT NULL DEFAULT false,
    settled_at TIMESTAMPTZ,
    settled_micro_usd BIGINT,
    log_error DOUBLE PRECISION
);
CREATE INDEX jobs_open_reservations ON jobs (workspace_id) WHERE ended_at IS NULL AND reserved_micro_usd > 0;
CREATE INDEX jobs_learnt ON jobs (estimate_key, settled_at) WHERE log_error IS NOT NULL;
CREATE INDEX jobs_unsettled ON jobs (job_id) WHERE settled_at IS NULL;

CREATE TABLE billing_intervals (
    job_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    workspace_id UUID NOT NULL,
    gpu_type TEXT NOT NULL,
    pricing_tier TEXT NOT NULL,
    rate_micro_usd_per_hour BIGINT NOT NULL,
    running_since TIMESTAMPTZ NOT NULL,
    terminated_at TIMESTAMPTZ,
    PRIMARY KEY (job_id, attempt)
);
CREATE INDEX billing_intervals_workspace ON billing_intervals (workspace_id, running_since);
CREATE INDEX billing_intervals_open ON billing_intervals (job_id) WHERE terminated_at IS NULL;

CREATE TABLE alerts (
    workspace_id UUID NOT NULL,
    month TEXT NOT NULL,
    kind TEXT NOT NULL,
    said_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, month, kind)
);
"""


def upgrade() -> None:
    create_messaging_tables(op)
    for statement in SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
