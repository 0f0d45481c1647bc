"""Row-level security: a statement without its workspace finds nothing."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("budgets", "jobs", "billing_intervals", "alerts"):
        protect(op, table)
