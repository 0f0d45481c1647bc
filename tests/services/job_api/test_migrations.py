from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.job_api.tables import metadata


async def test_migrations_make_exactly_the_tables_the_code_uses(fresh_database):
    database = await fresh_database("services.job_api")

    def difference(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []
