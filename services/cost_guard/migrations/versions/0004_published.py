"""What was last published about the cost of a job, so that a fact is published once."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE jobs ADD COLUMN published_at TIMESTAMPTZ;
ALTER TABLE jobs ADD COLUMN published_micro_usd BIGINT;
ALTER TABLE jobs ADD COLUMN published_running BOOLEAN;
ALTER TABLE jobs ADD COLUMN published_final BOOLEAN;
UPDATE jobs SET published_at = settled_at, published_micro_usd = settled_micro_usd, published_running = false,
    published_final = true
WHERE settled_at IS NOT NULL;
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
