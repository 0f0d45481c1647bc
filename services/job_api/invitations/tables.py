"""Invitations. Used and revoked ones stay in the list."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import identifier, metadata, moment, texts, workspace

invitations = Table(
    "invitations", metadata,
    identifier(),
    workspace(),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    texts("roles"),
    # Null: whoever has the link.
    Column("email", Text),
    Column("invited_by", Text, nullable=False),
    moment("created_at", now=True),
    Column("expires_at", moment("expires_at").type, nullable=False),
    moment("accepted_at"),
    Column("accepted_by", UUID(as_uuid=True), ForeignKey("users.id")),
    moment("revoked_at"),
    Index("invitations_by_workspace", "workspace_id", "created_at"),
)
