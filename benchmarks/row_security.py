"""What the second wall costs: the same reads by the owner's role and by the tenant role, in turns.

    python -m benchmarks.row_security [ROUNDS]

40 workspaces with 250 jobs each; a job with 20,000 points. Each line: the fifth percentile of times by the owner, by
the tenant role in one workspace, and in another one each time (the connection must be told), as ratios of the first.
Each way has a connection of its own. Points are read with their job named, as queries do, and without.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import update

from chassis.database.engine import Database
from chassis.database.migrate import upgrade
from chassis.database.scope import every_workspace, one_workspace
from services.job_api.jobs.repository import job_list, jobs
from services.job_api.jobs.repository.job_list import JobFilter
from services.job_api.tables import training_jobs
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.adapters.repository.named_job import name_job
from stack.parts import PostgresPart

WAYS = ("owner", "one workspace", "another each time")
Databases = Mapping[str, Database]
WORKSPACES, JOBS_OF_EACH, POINTS = 40, 250, 20_000
Read = Callable[[Database, UUID], Awaitable[Any]]

_JOBS = f"""
WITH made AS (
    INSERT INTO workspaces (id, name) SELECT gen_random_uuid(), n::text FROM generate_series(1, {WORKSPACES}) n
    RETURNING id), files AS (
    INSERT INTO training_files (id, workspace_id, name, format, status, bucket, source_key, source_sha256, size_bytes,
        created_by) SELECT id, id, 'f', 'brightrun_json', 'ready', 'b', 'k', '0', 1, 'benchmark' FROM made RETURNING id)
INSERT INTO training_jobs (id, workspace_id, training_file_id, name, preset, base_model, gpu_type, gpu_pricing_tier,
    created_by, created_at)
SELECT gen_random_uuid(), id, id, 'job ' || n, 'balanced', 'm', 'local', 'on_demand', 'benchmark',
    now() - n * interval '1 minute' FROM files, generate_series(1, {JOBS_OF_EACH}) n
"""
_POINTS = f"""
INSERT INTO jobs (job_id, workspace_id) SELECT gen_random_uuid(), gen_random_uuid()
    FROM generate_series(1, {WORKSPACES * 5});
INSERT INTO metric_names (name) VALUES ('benchmark');
CREATE TABLE points_rest PARTITION OF metric_points DEFAULT;
INSERT INTO metric_points (job_no, metric, step, attempt, time, value)
    SELECT (SELECT min(job_no) FROM jobs), (SELECT max(metric) FROM metric_names), n, 1, n, n / 3.0
    FROM generate_series(1, {POINTS}) n
"""


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = PostgresPart(Path(folder) / "pg")
        postgres.start()
        try:
            await _job_api(await _databases(postgres, "job_api", _JOBS), rounds)
            await _metrics(await _databases(postgres, "metrics_ingest", _POINTS), rounds)
        finally:
            postgres.stop()


async def _databases(postgres: PostgresPart, name: str, rows: str) -> Databases:
    """The same database for each way."""
    url = postgres.create_database(name, tenant_password="")
    await upgrade(f"services.{name}", url)
    postgres.sql(f"{rows}; ANALYZE", name)
    tenant_url = url.replace(f"//{name}@", f"//{name}_tenant@")
    return {way: Database(url, tenant_url=tenant_url, pool_size=1, max_overflow=0) for way in WAYS}


async def _job_api(databases: Databases, rounds: int) -> None:
    with every_workspace():
        async with databases["owner"].read() as tx:
            found = (await tx.exec_driver_sql("SELECT DISTINCT ON (workspace_id) workspace_id, id FROM training_jobs"))
            ids = {row.workspace_id: row.id for row in found}
    await _compare("one job", rounds, databases, list(ids), lambda database, workspace: jobs.shown(
        database, workspace, ids[workspace]))
    await _compare("job list of 20", rounds, databases, list(ids), lambda database, workspace: job_list.page(
        database, workspace, JobFilter(), limit=20))

    async def write(database: Database, workspace: UUID) -> None:
        async with database.transaction() as tx:
            await tx.execute(update(training_jobs).where(training_jobs.c.id == ids[workspace]).values(notes="x"))

    await _compare("a change in a transaction", rounds, databases, list(ids), write)
    await _dispose(databases)


async def _metrics(databases: Databases, rounds: int) -> None:
    with every_workspace():
        async with databases["owner"].transaction() as tx:
            row = (await tx.exec_driver_sql(
                "SELECT job_no, workspace_id, (SELECT max(metric) FROM metric_names) AS metric FROM jobs "
                "ORDER BY job_no LIMIT 1")).one()

    async def points(database: Database, _: UUID) -> None:
        async with reading(database) as connection:
            assert await connection.fetch(
                "SELECT step, attempt, time, value FROM metric_points WHERE job_no = $1 AND metric = $2 "
                "ORDER BY step, attempt", row.job_no, row.metric)

    async def points_of_named_job(database: Database, workspace: UUID) -> None:
        async with reading(database) as connection:
            await name_job(connection, row.job_no)
        await points(database, workspace)

    rounds = max(20, rounds // 20)
    await _compare(f"{POINTS:,} points", rounds, databases, [row.workspace_id], points)
    await _compare(f"{POINTS:,} points, job named", rounds, databases, [row.workspace_id], points_of_named_job)
    await _dispose(databases)


async def _dispose(databases: Databases) -> None:
    for database in databases.values():
        await database.dispose()


async def _compare(name: str, rounds: int, databases: Databases, workspaces: Sequence[UUID], read: Read) -> None:
    others = cycle(workspaces)
    scopes = (lambda _: every_workspace(), one_workspace, one_workspace)
    chosen = (lambda: workspaces[0], lambda: workspaces[0], lambda: next(others))
    ways: dict[str, tuple[Callable[[UUID], AbstractContextManager[None]], Callable[[], UUID]]] = dict(
        zip(WAYS, zip(scopes, chosen, strict=True), strict=True))
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for round_ in range(rounds):
        for way, (scope, choose) in ways.items():
            workspace = choose()
            with scope(workspace):
                began = time.perf_counter()
                await read(databases[way], workspace)
                if round_ >= rounds // 10:
                    taken[way].append(time.perf_counter() - began)
    base = _best(taken["owner"])
    ratios = "  ".join(f"{way} x{_best(values) / base:.2f}" for way, values in taken.items())
    print(f"{name:28} owner {base * 1e6:8.0f} us  {ratios}", flush=True)


def _best(values: Sequence[float]) -> float:
    """What it takes where nobody disturbs it: the fifth percentile."""
    return statistics.quantiles(values, n=20)[0]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
