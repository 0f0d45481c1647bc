"""What trainers print."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE log_attempts (
    job_no INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (job_no, attempt)
);
CREATE INDEX log_attempts_last_at ON log_attempts (last_at);

CREATE TABLE log_batches (
    job_no INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (job_no, attempt, first_line)
)
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";"):
        op.execute(statement)
