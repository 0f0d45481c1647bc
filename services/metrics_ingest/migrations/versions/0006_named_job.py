"""The wall of what belongs to a job looks the named job up once for a statement, not for each row."""

from alembic import op

from chassis.database.row_policies import named_or_seen_through

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


_OF_A_JOB = ("attempts", "job_metrics", "metric_points", "blocks", "segments", "log_attempts", "log_batches")


def upgrade() -> None:
    for table in _OF_A_JOB:
        condition = named_or_seen_through(table, "job_no", "jobs", "job_no", "brightrun.job_no", "integer")
        op.execute(f"ALTER POLICY one_workspace ON {table} USING ({condition})")
