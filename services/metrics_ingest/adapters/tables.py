"""The tables. `metric_points` is the truth; `segments` repeats it in columns for charts and can be rebuilt."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from chassis.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata, publishes=False)

metric_names = Table(
    "metric_names",
    metadata,
    Column("metric", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

# `version` grows with every transaction that changes what can be read of the job; caches carry it. `points` are those
# stored since they are counted, give or take some that came twice: a bound, not a statistic.
# A deleted job stays as a tombstone: its late points must not bring it back.
jobs = Table(
    "jobs",
    metadata,
    Column("job_no", Integer, Identity(), primary_key=True),
    Column("job_id", UUID(as_uuid=True), nullable=False, unique=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("last_point_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("points", BigInteger, nullable=False, server_default="0"),
    Column("deleted_at", DateTime(timezone=True)),
    Column("purged_at", DateTime(timezone=True)),
    Index("jobs_to_purge", "job_no", postgresql_where=text("deleted_at IS NOT NULL AND purged_at IS NULL")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("resumed_from_step", Integer, nullable=False),
)

job_metrics = Table(
    "job_metrics",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("metric", Integer, primary_key=True),
)

# Partitioned by ranges of job_no: numbers are given in order of appearance, so a partition ages as a whole
# and is dropped when its last job is gone. `time` is what the pod's clock said: a label, never an order.
metric_points = Table(
    "metric_points",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("metric", Integer, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("value", Float, nullable=False),
    postgresql_partition_by="RANGE (job_no)",
)

# Which runs of steps of a job have points, and whether their segments show all of them.
blocks = Table(
    "blocks",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("block", Integer, primary_key=True),
    Column("packed", Boolean, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Index("blocks_to_pack", "changed_at", postgresql_where=text("NOT packed")),
)

# All raw points of one metric in one block, in (step, attempt) order; little-endian columns.
segments = Table(
    "segments",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("metric", Integer, primary_key=True),
    Column("block", Integer, primary_key=True),
    Column("points", Integer, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    Column("attempts", LargeBinary, nullable=False),
    Column("times", LargeBinary, nullable=False),
    Column("vals", LargeBinary, nullable=False),
)

# Which lines of an attempt's output are kept, and how much they weigh.
log_attempts = Table(
    "log_attempts",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("first_line", Integer, nullable=False),
    Column("last_line", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("log_attempts_last_at", "last_at"),
)

# Lines as they came, a report in a row: a fiftieth of the rows, and PostgreSQL compresses them. `lines` is JSON.
log_batches = Table(
    "log_batches",
    metadata,
    Column("job_no", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("first_line", Integer, primary_key=True),
    Column("last_line", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("lines", Text, nullable=False),
)
