"""How many points a job has: one job must not fill the disk for all."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN points BIGINT NOT NULL DEFAULT 0")
