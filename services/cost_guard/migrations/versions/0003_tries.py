"""Reservations have the name of their try: which tries are over, and whether the job has started."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE jobs ADD COLUMN started_at TIMESTAMPTZ;
ALTER TABLE jobs ADD COLUMN closed_reservations UUID[] NOT NULL DEFAULT '{}';
UPDATE jobs SET started_at = created_at
WHERE ended_at IS NULL AND (
    EXISTS (SELECT FROM billing_intervals WHERE billing_intervals.job_id = jobs.job_id)
    OR (reservation_id IS NOT NULL AND created_at < now() - interval '10 minutes')
);
"""


def upgrade() -> None:
    # A reservation that led to no start used to be released after two minutes: an older one belongs to a job that runs.
    for statement in SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
