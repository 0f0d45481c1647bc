"""Deliveries."""

from alembic import op

from chassis.database.messaging_tables import create_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE deliveries (
    id UUID PRIMARY KEY,
    dedup_key TEXT NOT NULL,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL DEFAULT '',
    event_id UUID NOT NULL,
    kind TEXT NOT NULL,
    workspace_id UUID NOT NULL,
    job_id UUID,
    content JSONB NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'unknown')),
    failures INTEGER NOT NULL DEFAULT 0,
    next_try_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    lock_token UUID,
    locked_until TIMESTAMPTZ,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    sent_at TIMESTAMPTZ,
    CONSTRAINT deliveries_once UNIQUE (dedup_key, channel, recipient)
);
CREATE INDEX deliveries_due ON deliveries (next_try_at) WHERE status IN ('pending', 'sending')
"""


def upgrade() -> None:
    create_messaging_tables(op)
    for statement in SCHEMA.split(";"):
        op.execute(statement)
