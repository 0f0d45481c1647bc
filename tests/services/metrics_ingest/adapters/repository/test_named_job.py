"""The second wall, for the rows of a named job: looked up once for a statement, and no lower than without the name."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from chassis.database.engine import Database
from chassis.database.scope import every_workspace, one_workspace
from services.metrics_ingest.adapters.repository.connections import reading, writing
from services.metrics_ingest.adapters.repository.jobs import find_job, lock_jobs
from services.metrics_ingest.adapters.repository.logs import job_number
from services.metrics_ingest.adapters.repository.named_job import name_job
from tests.fixtures.databases import TENANT, DatabaseFactory

SETTING = "brightrun.job_no"
OURS, THEIRS = (uuid4(), uuid4()), (uuid4(), uuid4())
POINTS = 50
_POINTS = f"INSERT INTO metric_points SELECT $1, 1, step, 1, 0, 0 FROM generate_series(1, {POINTS}) AS step"
_READ = "SELECT value FROM metric_points WHERE job_no = $1 AND metric = 1"


@pytest.fixture
async def database(fresh_database: DatabaseFactory) -> AsyncIterator[Database]:
    """Two jobs of two workspaces, each with its points: numbers 1 and 2."""
    url = (await fresh_database("services.metrics_ingest")).url
    found = Database(url, tenant_url=url.replace("//postgres@", f"//{TENANT}@"), pool_size=1, max_overflow=0)
    with every_workspace():
        for job_id, workspace_id in (OURS, THEIRS):
            async with writing(found) as connection:
                job = (await lock_jobs(connection, {job_id: workspace_id}))[job_id]
                await connection.execute(_POINTS, job.job_no)
    yield found
    await found.dispose()


async def _named(connection: Any) -> str | None:
    named: str | None = await connection.fetchval(f"SELECT current_setting('{SETTING}', true)")
    return named


async def test_whoever_finds_a_job_has_named_it(database: Database) -> None:
    job_id, workspace_id = OURS
    with one_workspace(workspace_id):
        for find in (find_job, job_number):
            async with reading(database) as connection:
                await connection.execute(f"RESET {SETTING}")
                assert await find(connection, job_id, workspace_id)
                assert await _named(connection) == "1"


async def test_rows_of_the_named_job_are_not_looked_up_one_by_one(database: Database) -> None:
    with one_workspace(OURS[1]):
        async with reading(database) as connection:
            assert await _lookups(connection, 1) > 0
            await name_job(connection, 1)
            assert len(await connection.fetch(_READ, 1)) == POINTS
            assert await _lookups(connection, 1) == 0


async def test_the_name_of_anothers_job_shows_nothing_of_it_and_hides_nothing_of_ones_own(database: Database) -> None:
    with one_workspace(OURS[1]):
        async with reading(database) as connection:
            await name_job(connection, 2)
            assert await connection.fetch(_READ, 2) == []
            assert len(await connection.fetch(_READ, 1)) == POINTS


async def test_a_name_that_another_workspace_left_on_the_connection_shows_nothing(database: Database) -> None:
    with one_workspace(THEIRS[1]):
        async with reading(database) as connection:
            await name_job(connection, 2)
            assert len(await connection.fetch(_READ, 2)) == POINTS
    with one_workspace(OURS[1]):
        async with reading(database) as connection:
            assert await _named(connection) == "2"
            assert await connection.fetch(_READ, 2) == []


async def _lookups(connection: Any, job_no: int) -> int:
    """How often the job of a single row was looked for while its points were read."""
    plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {_READ.replace('$1', str(job_no))}")
    return sum(node["Actual Loops"] for node in _nodes(plan[0]["Plan"]) if node.get("Alias") == "parent")


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
