"""The audit log. The database itself refuses to change or delete an entry (migration)."""

from sqlalchemy import Column, Index, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import identifier, metadata, moment

_EMPTY = text("''")

audit_entries = Table(
    "audit_entries", metadata,
    identifier(),
    moment("at", now=True),
    # Null: nobody whom the server knows. No foreign key: an entry outlives everything that it tells of.
    Column("workspace_id", UUID(as_uuid=True)),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False, server_default=_EMPTY),
    Column("credential", Text, nullable=False, server_default=_EMPTY),
    Column("operation", Text, nullable=False),
    Column("target_kind", Text, nullable=False, server_default=_EMPTY),
    Column("target_id", Text, nullable=False, server_default=_EMPTY),
    Column("status", SmallInteger, nullable=False),
    Column("code", Text, nullable=False, server_default=_EMPTY),
    Column("address", Text, nullable=False, server_default=_EMPTY),
    Column("user_agent", Text, nullable=False, server_default=_EMPTY),
    Column("trace_id", Text),
    Index("audit_entries_by_workspace", "workspace_id", "id"),
)
