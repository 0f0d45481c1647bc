"""The alembic environment of every service. Its `migrations/env.py` is two lines: import `run` from here, call it."""

from alembic import context
from sqlalchemy import Connection


def run() -> None:
    """Run the migrations on the connection and in the transaction that `chassis.migrate` opened: all or nothing."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
