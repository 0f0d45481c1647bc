from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from faststream.nats import TestNatsBroker

from chassis.clock import FakeClock
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.services import SettingsFactory
from tests.services.provisioner.fake_provider import FakeProvider
from tests.services.provisioner.world import FakeBroker, World


@pytest_asyncio.fixture
async def world(fresh_database: DatabaseFactory, settings_for: SettingsFactory) -> AsyncIterator[World]:
    """The provisioner over real PostgreSQL and S3 with machines in memory."""
    clock = FakeClock()
    objects = ObjectStore(ServiceSettings(**settings_for("provisioner")))
    database = await fresh_database("services.provisioner")
    made = World(database, objects, FakeProvider(now=clock.now), clock, FakeBroker())
    async with TestNatsBroker(made.bus):
        yield made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long searches run when they are asked for: `pytest -m fuzz tests/services/provisioner`."""
    if "fuzz" not in config.option.markexpr:
        skipped = pytest.mark.skip(reason="a search of minutes: pytest -m fuzz tests/services/provisioner")
        for item in items:
            if item.get_closest_marker("fuzz"):
                item.add_marker(skipped)
