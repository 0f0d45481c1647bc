"""Secrets that webhooks are signed with."""

from sqlalchemy import Column, ForeignKey, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import metadata, moment

# As they are: checking an HMAC needs the secret itself. The previous one works beside it until `previous_valid_until`.
webhook_secrets = Table(
    "webhook_secrets", metadata,
    Column("workspace_id", UUID(as_uuid=True), ForeignKey("workspaces.id"), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    moment("previous_valid_until"),
    Column("created_by", Text, nullable=False),
    moment("created_at", now=True),
)
