"""Evaluations, outbox and inbox."""

from alembic import op
from sqlalchemy import Column, DateTime, Float, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from chassis.database.messaging_tables import create_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_messaging_tables(op)
    op.create_table(
        "evaluations",
        Column("job_id", UUID(as_uuid=True), primary_key=True),
        Column("attempt", Integer, primary_key=True),
        Column("workspace_id", UUID(as_uuid=True), nullable=False),
        Column("event_id", UUID(as_uuid=True), nullable=False, unique=True),
        Column("base_model", Text, nullable=False),
        Column("conversations", JSONB, nullable=False),
        Column("perplexity_baseline", Float, nullable=False),
        Column("perplexity_trained", Float, nullable=False),
        Column("improvement_pct", Float, nullable=False),
        Column("low_pct", Float, nullable=False),
        Column("high_pct", Float, nullable=False),
        Column("confidence", Float, nullable=False),
        Column("verdict", Text, nullable=False),
        Column("tokens", Integer, nullable=False),
        Column("generated_at", DateTime(timezone=True), nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
    )
    op.create_index("evaluations_workspace", "evaluations", ["workspace_id"])
