"""How often a pod's tier was not to be had: `auto` changes to on-demand by it."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pods ADD COLUMN failed_offers INTEGER NOT NULL DEFAULT 0")
