"""Until when a pod that told of its own interruption may save what fits."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pods ADD COLUMN last_words_until TIMESTAMP WITH TIME ZONE")
