"""Training files."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from services.job_api.columns import count, identifier, json, metadata, moment, workspace

# status: `ready` (may be trained on), `invalid` (blocking errors; `issues` says which).
training_files = Table(
    "training_files", metadata,
    identifier(),
    workspace(),
    Column("name", Text, nullable=False),
    Column("original_filename", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("format", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    Column("bucket", Text, nullable=False),
    Column("source_key", Text, nullable=False),  # the upload, byte for byte
    Column("source_sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("normalised_key", Text),  # the internal form the trainer reads; null when the file is invalid
    Column("normalised_sha256", Text),
    count("records"),
    count("conversations"),
    count("trainable_turns"),
    count("tokens", BigInteger),
    count("trainable_tokens", BigInteger),
    count("longest_conversation_tokens"),
    count("error_count"),
    count("warning_count"),
    json("issues", default="[]"),
    json("report", default="{}"),
    Column("warnings_accepted_by", Text),
    moment("warnings_accepted_at"),
    Column("created_by", Text, nullable=False),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    Index("training_files_by_workspace", "workspace_id", "created_at", "id"),
    Index("training_files_by_content", "workspace_id", "source_sha256"),
)
