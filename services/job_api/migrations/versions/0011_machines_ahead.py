"""A job whose turn it is may wait for a machine, others before it."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE training_jobs ADD COLUMN machines_ahead INTEGER")
