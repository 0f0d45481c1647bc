from sqlalchemy import Column, DateTime, Float, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from chassis.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)

# One row per attempt that was evaluated; append-only. The newest attempt is the job's.
evaluations = Table(
    "evaluations",
    metadata,
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
    Index("evaluations_workspace", "workspace_id"),
)
