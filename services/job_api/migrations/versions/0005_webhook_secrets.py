"""A webhook secret for each workspace."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE webhook_secrets (
            workspace_id UUID NOT NULL,
            secret TEXT NOT NULL,
            previous_secret TEXT,
            previous_valid_until TIMESTAMP WITH TIME ZONE,
            created_by TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            PRIMARY KEY (workspace_id),
            FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
        )
    """)
