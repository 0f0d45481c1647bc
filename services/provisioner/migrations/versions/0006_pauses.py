"""Pauses: starts are numbered, and a pod may be asked to save a checkpoint and end."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN run INTEGER NOT NULL DEFAULT 1")
    op.execute("ALTER TABLE jobs ADD COLUMN paused_run INTEGER NOT NULL DEFAULT -1")
    op.execute("ALTER TABLE jobs ADD COLUMN paused_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE pods ADD COLUMN drain_by TIMESTAMP WITH TIME ZONE")
    op.execute("""
        CREATE INDEX pods_draining ON pods (drain_by) WHERE drain_by IS NOT NULL AND status <> 'terminated'
    """)
