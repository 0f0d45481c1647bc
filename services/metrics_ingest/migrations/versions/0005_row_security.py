"""Row-level security: a statement without its workspace finds nothing."""

from alembic import op

from chassis.database.row_policies import protect, seen_through

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


_OF_A_JOB = ("attempts", "job_metrics", "metric_points", "blocks", "segments", "log_attempts", "log_batches")


def upgrade() -> None:
    protect(op, "jobs")
    for table in _OF_A_JOB:
        protect(op, table, seen_through(table, "job_no", "jobs", "job_no"))
