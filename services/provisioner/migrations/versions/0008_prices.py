"""What each machine really is and costs, as its provider tells it."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pods ADD COLUMN gpu_model TEXT NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE pods ADD COLUMN rate_micro_usd_per_hour BIGINT")
    op.execute("ALTER TABLE pods ADD COLUMN on_demand_micro_usd_per_hour BIGINT")
