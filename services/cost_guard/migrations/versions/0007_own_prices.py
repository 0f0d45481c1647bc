"""Each machine is billed at its own price; what the same card costs on demand is kept beside it."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE billing_intervals ADD COLUMN rate_source TEXT NOT NULL DEFAULT 'configured'")
    op.execute("ALTER TABLE billing_intervals ADD COLUMN on_demand_micro_usd_per_hour BIGINT")
    op.execute("ALTER TABLE billing_intervals ADD COLUMN gpu_model TEXT NOT NULL DEFAULT ''")
