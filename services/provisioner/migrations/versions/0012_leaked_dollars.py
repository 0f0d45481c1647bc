"""What a machine cost beyond its use, once it is gone."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pods ADD COLUMN leaked_micro_usd BIGINT")
    op.execute("CREATE INDEX pods_leaked ON pods (terminated_at) WHERE leaked_micro_usd > 0")
