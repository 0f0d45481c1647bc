"""Workspaces, users and their keys."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import identifier, metadata, moment, texts, workspace

workspaces = Table(
    "workspaces", metadata,
    identifier(),
    Column("name", Text, nullable=False),
    # Its admins run the installation (accounts.application.operators). Set by bootstrap only.
    Column("is_operator", Boolean, nullable=False, server_default=text("false")),
    moment("created_at", now=True),
)

users = Table(
    "users", metadata,
    identifier(),
    Column("email", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False, server_default=""),
    moment("created_at", now=True),
)

memberships = Table(
    "memberships", metadata,
    workspace(),
    Column("user_id", UUID(as_uuid=True), ForeignKey("users.id"), nullable=False),
    texts("roles"),
    moment("created_at", now=True),
    PrimaryKeyConstraint("workspace_id", "user_id"),
)

api_keys = Table(
    "api_keys", metadata,
    identifier(),
    workspace(),
    Column("user_id", UUID(as_uuid=True), ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("prefix", Text, nullable=False, unique=True),
    Column("sha256", LargeBinary, nullable=False),
    texts("roles"),
    Column("created_by", Text, nullable=False),
    moment("created_at", now=True),
    moment("expires_at"),
    moment("revoked_at"),
    moment("last_used_at"),
    # The key whose place it took, which worked beside it for a while.
    Column("replaces", UUID(as_uuid=True)),
    Index("api_keys_by_workspace", "workspace_id", "created_at"),
)
