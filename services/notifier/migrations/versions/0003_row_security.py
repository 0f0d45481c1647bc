"""Row-level security: a statement without its workspace finds nothing."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    protect(op, "deliveries")
