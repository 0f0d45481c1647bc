"""Which ended jobs have nothing left of checkpoints that never became whole."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN swept_at TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX jobs_to_sweep ON jobs (ended_at) WHERE swept_at IS NULL AND ended_at IS NOT NULL")
