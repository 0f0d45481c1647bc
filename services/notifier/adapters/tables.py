from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from chassis.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata, publishes=False)

# What the statuses mean: services/notifier/domain/results.py. Times are the database's.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("dedup_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False, server_default=""),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("job_id", UUID(as_uuid=True)),
    Column("content", JSONB, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("next_try_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lock_token", UUID(as_uuid=True)),
    Column("locked_until", DateTime(timezone=True)),
    Column("last_error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("sent_at", DateTime(timezone=True)),
    Index("deliveries_of_workspace", "workspace_id", text("created_at DESC")),
    UniqueConstraint("dedup_key", "channel", "recipient", name="deliveries_once"),
    Index("deliveries_due", "next_try_at", postgresql_where=text("status IN ('pending', 'sending')")),
)

# A row for what a workspace does not want to hear of by a channel: what is new is told until somebody says no.
muted_notifications = Table(
    "muted_notifications",
    metadata,
    Column("workspace_id", UUID(as_uuid=True), primary_key=True),
    Column("happening", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("muted_by", Text, nullable=False),
    Column("muted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
