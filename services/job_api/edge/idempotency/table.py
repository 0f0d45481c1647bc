"""One row per used key: first a claim with a lease, then the stored response."""

from sqlalchemy import Column, DateTime, Index, LargeBinary, MetaData, SmallInteger, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID


def idempotency_table(metadata: MetaData) -> Table:
    """The `idempotency_keys` table, registered in a service's metadata.

    `id` is the SHA-256 of (workspace, subject, method, path, key), so that long paths fit the primary key.
    `lock_token` fences: only the holder of the newest claim can store a response. `status` is null until then.
    """
    moment = DateTime(timezone=True)
    return Table(
        "idempotency_keys",
        metadata,
        Column("id", LargeBinary, primary_key=True),
        Column("workspace_id", UUID(as_uuid=True), nullable=False),
        Column("subject", Text, nullable=False),
        Column("method", Text, nullable=False),
        Column("path", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("lock_token", UUID(as_uuid=True), nullable=False),
        Column("lease_until", moment, nullable=False),
        Column("created_at", moment, nullable=False, server_default=func.now()),
        Column("expires_at", moment, nullable=False),
        Column("completed_at", moment),
        Column("fingerprint", LargeBinary),
        Column("status", SmallInteger),
        Column("headers", JSONB),
        Column("body", LargeBinary),
        Index("idempotency_keys_expires_at", "expires_at"),
    )
