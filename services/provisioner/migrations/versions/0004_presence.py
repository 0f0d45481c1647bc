"""What decides about a machine in the database's time: when it was asked for, came up, was missing, was closed."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE pods ADD COLUMN create_asked_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE pods ADD COLUMN came_up_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE pods ADD COLUMN missing_since TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE pods ADD COLUMN closed_at TIMESTAMP WITH TIME ZONE",
    "UPDATE pods SET create_asked_at = creating_since, came_up_at = running_since, closed_at = terminated_at",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
