"""The tables that a service's code speaks of are those its migrations make."""

import importlib
from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.migrate import upgrade
from contracts.registry import EVENTS

TABLES = {
    "services.cost_guard": "services.cost_guard.adapters.tables",
    "services.metrics_ingest": "services.metrics_ingest.adapters.tables",
    "services.notifier": "services.notifier.adapters.tables",
    "services.provisioner": "services.provisioner.adapters.tables",
    "services.job_api": "services.job_api.tables",
    "services.validator": "services.validator.adapters.tables",
}
# Made by migrations and used by nobody any more: dropping them would break the release before.
_LEFT_FOR_OLDER_RELEASES = {
    "services.job_api": {"reservation_intents"}, "services.notifier": {"outbox"}, "services.metrics_ingest": {"outbox"},
}


@pytest.mark.parametrize("service", TABLES)
async def test_migrations_and_tables_agree(service: str, new_empty_database: Callable[[], str]) -> None:
    url = new_empty_database()
    await upgrade(service, url)
    metadata: MetaData = importlib.import_module(TABLES[service]).metadata
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences, metadata)
    await engine.dispose()
    left = _LEFT_FOR_OLDER_RELEASES.get(service, set())
    assert [item for item in differences if _table(item) not in left | {"alembic_version"}] == []


@pytest.mark.parametrize("service", TABLES)
def test_only_who_publishes_has_an_outbox(service: str) -> None:
    """A relay without events would still ask the database every second."""
    metadata: MetaData = importlib.import_module(TABLES[service]).metadata
    publishes = any(service.endswith(producer) for spec in EVENTS for producer in spec.producers)
    assert ("outbox" in metadata.tables) is publishes


def _differences(connection, metadata: MetaData) -> list:  # type: ignore[no-untyped-def,type-arg]
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def _table(item) -> str:  # type: ignore[no-untyped-def]
    if isinstance(item, list):  # changes of one column
        return str(item[0][2])
    subject = item[1]
    return str(subject.name if item[0].endswith("table") else subject.table.name)
