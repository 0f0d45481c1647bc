"""The migrations lead to the tables the code uses."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from services.provisioner.tables import metadata
from tests.fixtures.databases import DatabaseFactory


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_migrations_lead_to_the_tables(fresh_database: DatabaseFactory) -> None:
    database = await fresh_database("services.provisioner")
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
