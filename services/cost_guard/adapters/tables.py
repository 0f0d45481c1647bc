from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, Index, Integer, MetaData, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from chassis.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)

# Rates are data: a change is a new row, so that an old interval keeps the rate it was billed at.
gpu_rates = Table(
    "gpu_rates",
    metadata,
    Column("gpu_type", Text, primary_key=True),
    Column("pricing_tier", Text, primary_key=True),
    Column("valid_from", DateTime(timezone=True), primary_key=True),
    Column("micro_usd_per_hour", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("workspace_id", UUID(as_uuid=True), primary_key=True),
    Column("limit_micro_usd", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False, server_default="default"),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# What the guard knows of a job. A reservation is the upper end of the estimate, held until `ended_at` or a pause. The
# newest try to start is the one that counts; `closed_reservations` are those before it and those that were released.
# `next_*`: a job that has run asks for more (a resume, another tier); until its start is heard of the larger of both is
# reserved, and `kept_micro_usd` is what a release goes back to. Starts are numbered (`run`); a pause names the one it
# ends (`paused_run`).
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", UUID(as_uuid=True), primary_key=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("reservation_id", UUID(as_uuid=True)),
    Column("reserved_micro_usd", BigInteger, nullable=False, server_default="0"),
    Column("next_reservation_id", UUID(as_uuid=True)),
    Column("next_reserved_micro_usd", BigInteger, nullable=False, server_default="0"),
    Column("kept_micro_usd", BigInteger, nullable=False, server_default="0"),
    Column("run", Integer, nullable=False, server_default="0"),
    Column("paused_run", Integer, nullable=False, server_default="-1"),
    Column("closed_reservations", ARRAY(UUID(as_uuid=True)), nullable=False, server_default=text("'{}'")),
    Column("estimate_micro_usd", BigInteger),
    Column("estimate", JSONB),
    Column("physical_s", Float),
    Column("estimate_key", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("overrun_said", Boolean, nullable=False, server_default=text("false")),
    Column("limit_said", Boolean, nullable=False, server_default=text("false")),
    # The final cost is published once, when the job has ended and its last machine is gone.
    Column("settled_at", DateTime(timezone=True)),
    Column("settled_micro_usd", BigInteger),
    Column("log_error", Float),
    # The last `cost.updated`.
    Column("published_at", DateTime(timezone=True)),
    Column("published_micro_usd", BigInteger),
    Column("published_running", Boolean),
    Column("published_final", Boolean),
    Index(
        "jobs_open_reservations", "workspace_id", postgresql_where=text("ended_at IS NULL AND reserved_micro_usd > 0")
    ),
    Index("jobs_learnt", "estimate_key", "settled_at", postgresql_where=text("log_error IS NOT NULL")),
    Index("jobs_unsettled", "job_id", postgresql_where=text("settled_at IS NULL")),
)

# One row per machine; open while `terminated_at` is null. Times are the provider's.
billing_intervals = Table(
    "billing_intervals",
    metadata,
    Column("job_id", UUID(as_uuid=True), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("workspace_id", UUID(as_uuid=True), nullable=False),
    Column("gpu_type", Text, nullable=False),
    Column("pricing_tier", Text, nullable=False),
    Column("rate_micro_usd_per_hour", BigInteger, nullable=False),
    # `provider`: it told this machine's own price; `configured`: the rate of the day it began.
    Column("rate_source", Text, nullable=False, server_default="configured"),
    Column("on_demand_micro_usd_per_hour", BigInteger),
    Column("gpu_model", Text, nullable=False, server_default=""),
    Column("running_since", DateTime(timezone=True), nullable=False),
    Column("terminated_at", DateTime(timezone=True)),
    Index("billing_intervals_workspace", "workspace_id", "running_since"),
    Index("billing_intervals_open", "job_id", postgresql_where=text("terminated_at IS NULL")),
)

# Finished comparisons of the bills with the provisioner's list of machines.
billing_reconciliations = Table(
    "billing_reconciliations",
    metadata,
    Column("finished_at", DateTime(timezone=True), primary_key=True, server_default=func.clock_timestamp()),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("machines", Integer, nullable=False),
    Column("corrections", Integer, nullable=False),
)

# What was published about a budget: once per month and level.
alerts = Table(
    "alerts",
    metadata,
    Column("workspace_id", UUID(as_uuid=True), primary_key=True),
    Column("month", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("said_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
