"""For which client and project a job is, and every text that its notes have had."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE training_jobs
            ADD COLUMN client TEXT DEFAULT '' NOT NULL,
            ADD COLUMN project TEXT DEFAULT '' NOT NULL,
            ADD COLUMN notes_revision INTEGER DEFAULT 0 NOT NULL
    """)
    op.execute("""
        CREATE TABLE job_notes (
            job_id UUID NOT NULL REFERENCES training_jobs (id) ON DELETE CASCADE,
            revision INTEGER NOT NULL,
            workspace_id UUID NOT NULL,
            notes TEXT NOT NULL,
            edited_by TEXT,
            edited_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            PRIMARY KEY (job_id, revision)
        )
    """)
    protect(op, "job_notes")
