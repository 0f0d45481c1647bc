"""When the bills were last compared with the provisioner's list of machines."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE billing_reconciliations (
            finished_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
            asked_at TIMESTAMPTZ NOT NULL,
            machines INTEGER NOT NULL,
            corrections INTEGER NOT NULL,
            PRIMARY KEY (finished_at)
        )
        """
    )
