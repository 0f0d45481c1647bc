"""Snapshots of progress and cost beside the log, and since when a job has its status.

A trigger keeps `status_since`, so that replicas of the release before, which know nothing of it, keep it right too.
Old rows count from now on.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE job_snapshots (
            job_id UUID NOT NULL,
            type TEXT NOT NULL,
            event_id UUID NOT NULL,
            source TEXT NOT NULL,
            level TEXT NOT NULL,
            message TEXT NOT NULL,
            attempt INTEGER,
            payload JSONB DEFAULT '{}' NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            logged BOOLEAN NOT NULL,
            PRIMARY KEY (job_id, type),
            FOREIGN KEY(job_id) REFERENCES training_jobs (id) ON DELETE CASCADE
        ) WITH (fillfactor = 50)
    """)
    # Room in each page for the next version of a row: a snapshot then touches no index.
    op.execute("ALTER TABLE training_jobs SET (fillfactor = 80)")
    op.execute("ALTER TABLE training_jobs ADD COLUMN status_since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL")
    op.execute("""
        CREATE FUNCTION note_status_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.status_since := now();
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER training_jobs_status_since BEFORE UPDATE OF status ON training_jobs
        FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_status_change()
    """)
    op.execute("""
        CREATE INDEX training_jobs_waiting ON training_jobs (status, status_since) WHERE status IN (
            'queued', 'provisioning', 'preprocessing', 'model_loading', 'finalization', 'recovering')
    """)
