"""An account of the broker for the pods of each workspace, and the users in it until they expire."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE broker_accounts (
    workspace_id UUID NOT NULL,
    account_key TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (workspace_id),
    UNIQUE (account_key)
);

CREATE TABLE broker_users (
    user_key TEXT NOT NULL,
    workspace_id UUID NOT NULL,
    pod_name TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (user_key)
);

CREATE INDEX broker_users_pod ON broker_users (pod_name) WHERE revoked_at IS NULL;

CREATE INDEX broker_users_expiry ON broker_users (expires_at);
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)
