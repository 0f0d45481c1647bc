"""A job that has used up its money is stopped once."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN limit_said BOOLEAN NOT NULL DEFAULT false")
