from sqlalchemy import BigInteger, Column, DateTime, Float, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from chassis.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)

# One row per attempt that was evaluated. The evaluation stays as it came; its verdict is replaced when a newer method
# judges it. The newest attempt is the job's.
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
    Column("low_pct", Float),
    Column("high_pct", Float),
    Column("confidence", Float, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("method", Text, nullable=False, server_default="bootstrap/1"),
    Column("independent", Integer),  # conversations without a common source
    Column("worse", Integer),
    Column("tokens", BigInteger, nullable=False),
    Column("generated_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("evaluations_workspace", "workspace_id"),
    Index("evaluations_method", "method"),
)
