"""Pauses: a job that has run asks for money again, and a pause frees what it held."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN next_reservation_id UUID")
    op.execute("ALTER TABLE jobs ADD COLUMN next_reserved_micro_usd BIGINT NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE jobs ADD COLUMN kept_micro_usd BIGINT NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE jobs ADD COLUMN run INTEGER NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE jobs ADD COLUMN paused_run INTEGER NOT NULL DEFAULT -1")
