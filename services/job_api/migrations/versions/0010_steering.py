"""Pause, resume, another tier, and jobs that go on from another job's checkpoint.

`run` counts the starts of a job: one that was started before this release has had its first.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE training_jobs ADD COLUMN run INTEGER NOT NULL DEFAULT 0")
    op.execute("UPDATE training_jobs SET run = 1 WHERE queued_at IS NOT NULL AND waiting_since IS NULL")
    op.execute("ALTER TABLE training_jobs ADD COLUMN set_aside INTEGER[] NOT NULL DEFAULT '{}'")
    op.execute("""
        ALTER TABLE training_jobs ADD COLUMN continues UUID REFERENCES training_jobs (id) ON DELETE SET NULL
    """)
    op.execute("ALTER TABLE training_jobs ADD COLUMN continues_from_step INTEGER")
    op.execute("ALTER TABLE training_jobs ADD COLUMN done_epochs DOUBLE PRECISION NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE training_jobs ADD COLUMN checkpoints_expired BOOLEAN NOT NULL DEFAULT false")
    op.execute("CREATE INDEX training_jobs_by_continued ON training_jobs (continues) WHERE continues IS NOT NULL")
    op.execute("DROP INDEX training_jobs_waiting")
    op.execute("""
        CREATE INDEX training_jobs_waiting ON training_jobs (status, status_since) WHERE status IN (
            'queued', 'provisioning', 'preprocessing', 'model_loading', 'finalization', 'recovering', 'paused')
    """)
