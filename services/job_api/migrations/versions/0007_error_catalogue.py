"""Why a job failed, exactly; what was suggested against it; the trace of each entry of the log.

Jobs that failed before keep their type only: their code is told from it when they are read.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE training_jobs
            ADD COLUMN error_code TEXT,
            ADD COLUMN error_facts JSONB DEFAULT '{}' NOT NULL,
            ADD COLUMN retry_suggestion JSONB
    """)
    op.execute("ALTER TABLE job_events ADD COLUMN trace_id TEXT")
    op.execute("""
        CREATE INDEX training_jobs_failed ON training_jobs (workspace_id, completed_at) WHERE status = 'failed'
    """)
