"""What is safe of a run, what is done again after an interruption, and how long both take."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE training_jobs ADD COLUMN course JSONB DEFAULT '{}' NOT NULL")
    # Of the release before only the newest checkpoint is known.
    op.execute("""
        UPDATE training_jobs SET course = jsonb_build_object('safe_step', last_checkpoint_step)
        WHERE last_checkpoint_step IS NOT NULL AND completed_at IS NULL
    """)
