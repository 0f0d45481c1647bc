"""A delivery for which there is nobody to send it to."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE deliveries DROP CONSTRAINT deliveries_status_check, ADD CONSTRAINT deliveries_status_check
        CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'unknown', 'skipped'))
    """)
