"""A workspace with a file, for tests of the use cases."""

from __future__ import annotations

import pytest
import pytest_asyncio
from sqlalchemy import insert

from contracts.identifiers import uuid7
from services.job_api.accounts import repository as accounts
from services.job_api.callers import Caller
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.tables import training_files
from tests.services.job_api.jobs.house import House


@pytest.fixture
def queue_limits() -> QueueLimits:
    """A test module may have others."""
    return QueueLimits()


@pytest_asyncio.fixture
async def house(fresh_database, queue_limits) -> House:
    database = await fresh_database("services.job_api")
    workspace_id, file_id = uuid7(), uuid7()
    async with database.transaction() as tx:
        await accounts.ensure_workspace(tx, workspace_id, "w")
        await tx.execute(insert(training_files).values(
            id=file_id, workspace_id=workspace_id, name="f", format="brightrun_json", status="ready", bucket="b",
            source_key="s", source_sha256="0", size_bytes=1, normalised_key="n", normalised_sha256="1",
            conversations=12, tokens=1000, created_by="t"))
    return House(database, Caller("user", workspace_id), file_id, queue_limits)
