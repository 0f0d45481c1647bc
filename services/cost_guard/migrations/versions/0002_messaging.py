"""Parked events, attempts that survive a crash, leases."""

from alembic import op

from chassis.database.messaging_tables import upgrade_messaging_tables_to_2

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    upgrade_messaging_tables_to_2(op)
