"""The alembic environment of every service: `services/<x>/migrations/env.py` is `from chassis.migration_env import run`
and `run()`."""

from alembic import context
from sqlalchemy import Connection, MetaData, text

# Any constant will do: two replicas that start together must not migrate the same database twice.
_MIGRATION_LOCK = 7_201_340


def run(metadata: MetaData | None = None) -> None:
    """Run the migrations on the connection that `chassis.migrate` opened; one replica at a time, all or nothing."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        context.run_migrations()
