"""The machines of a workspace out of its jobs' logs: how many were lost."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX job_events_of_machines ON job_events (workspace_id, job_id) "
               "WHERE type IN ('pod.running', 'pod.interrupted')")
