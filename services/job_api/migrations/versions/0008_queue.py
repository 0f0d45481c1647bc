"""Jobs wait for their turn in their workspace's queue before a machine is asked for.

What is queued now was asked for already: it does not wait.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE training_jobs ADD COLUMN waiting_since TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE training_jobs ADD COLUMN promoted_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE training_jobs ADD COLUMN start_requested_by TEXT")
    op.execute("ALTER TABLE training_jobs ADD COLUMN reserved_micro_usd BIGINT")
    op.execute("""
        CREATE INDEX training_jobs_in_queue ON training_jobs (workspace_id) WHERE waiting_since IS NOT NULL
    """)
