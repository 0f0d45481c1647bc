"""Row-level security: a statement without its workspace finds nothing."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("jobs", "pods", "checkpoints", "broker_accounts", "broker_users"):
        protect(op, table)
