"""Templates that somebody made; those that come with the product are in `domain.built_in`."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import identifier, json, metadata, moment, texts, workspace

configuration_templates = Table(
    "configuration_templates", metadata,
    identifier(),
    workspace(),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    # with everybody in the workspace; otherwise it is there for who made it
    Column("shared", Boolean, nullable=False, server_default=text("false")),
    Column("notes", Text, nullable=False, server_default=""),
    texts("tags"),
    Column("client", Text, nullable=False, server_default=""),
    Column("project", Text, nullable=False, server_default=""),
    Column("training_file_id", UUID(as_uuid=True), ForeignKey("training_files.id", ondelete="SET NULL")),
    Column("preset", Text, nullable=False),
    # single values that replace those of the preset
    json("hyperparameters", default="{}"),
    Column("gpu_type", Text),
    Column("gpu_pricing_tier", Text, nullable=False),
    Column("max_duration_s", Integer, nullable=False),
    Column("source_job_id", UUID(as_uuid=True), ForeignKey("training_jobs.id", ondelete="SET NULL")),
    Column("created_by", Text, nullable=False),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    Index("configuration_templates_by_workspace", "workspace_id", "id"),
    Index("configuration_templates_by_file", "training_file_id"),
    Index("configuration_templates_by_job", "source_job_id"),
)
