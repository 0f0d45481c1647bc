"""What a workspace does not want to hear of, by which channel; its newest deliveries by an index."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE muted_notifications (
    workspace_id UUID NOT NULL,
    happening TEXT NOT NULL,
    channel TEXT NOT NULL,
    muted_by TEXT NOT NULL,
    muted_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, happening, channel)
);
CREATE INDEX deliveries_of_workspace ON deliveries (workspace_id, created_at DESC)
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";"):
        op.execute(statement)
    protect(op, "muted_notifications")
