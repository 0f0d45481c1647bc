"""Pods for which there is no machine stand in line."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pods ADD COLUMN in_line_since TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE pods ADD COLUMN waiting_since TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE pods ADD COLUMN told_ahead INTEGER")
    op.execute("""
        CREATE INDEX pods_without_machine ON pods (provider, requested_at)
        WHERE status IN ('requested', 'creating') AND provider_pod_id IS NULL
    """)
