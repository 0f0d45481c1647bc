"""A PostgreSQL of the test's own that keeps what it has committed, and job_api over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chassis.database.engine import Database
from chassis.database.migrate import upgrade
from services.job_api.bootstrap import bootstrap
from services.job_api.settings import Settings
from stack.parts import NatsPart, PostgresPart
from tests.services.job_api.conftest import Api, served
from tests.services.job_api.cost_guard import CostGuard


@pytest.fixture
def own_postgres(start_part: Callable[[Any], Any], tmp_path: Path) -> PostgresPart:
    return start_part(PostgresPart(tmp_path / "pg"))


ApiFactory = Callable[..., Any]


@pytest.fixture
def new_api(
    own_postgres: PostgresPart, settings_for: Callable[..., dict[str, Any]], topology: NatsPart, jetstream: Any,
    tmp_path: Path,
) -> ApiFactory:
    """`async with new_api(**settings) as api`: job_api and those it asks, over `own_postgres`."""

    @asynccontextmanager
    async def running(**changes: Any) -> AsyncIterator[Api]:
        url = own_postgres.create_database("job_api")
        await upgrade("services.job_api", url)
        settings = Settings(**settings_for("job_api", database_url=url, **changes))
        async with served(settings) as app:
            base, database = f"http://127.0.0.1:{settings.http_port}", Database(url)
            credentials = await bootstrap(database, tmp_path / "credentials.json", base)
            api = Api(app, database, jetstream, CostGuard(), base, credentials, topology.url)
            async with api.others():
                yield api
            await database.dispose()

    return running
