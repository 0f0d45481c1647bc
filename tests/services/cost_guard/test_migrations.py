"""What becomes of rows that are there when a release is installed."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.migrate import upgrade
from contracts.identifiers import uuid7

OLD = """
INSERT INTO jobs (job_id, workspace_id, reservation_id, reserved_micro_usd, created_at, ended_at, settled_at,
                  settled_micro_usd)
VALUES (:job_id, :job_id, :job_id, 5, now() - make_interval(mins => :minutes), :ended_at, :ended_at, :settled)
"""
INTERVAL = """
INSERT INTO billing_intervals VALUES (:job_id, 1, :job_id, 'local', 'spot', 1, now(), NULL)
"""


async def test_jobs_that_run_are_known_to_have_started_and_settled_ones_to_be_published(new_empty_database) -> None:
    url = new_empty_database()
    await upgrade("services.cost_guard", url, "0002")
    engine = create_async_engine(url)
    fresh, old, with_machine, settled = (uuid7() for _ in range(4))
    async with engine.begin() as tx:
        now = (await tx.execute(text("SELECT now()"))).scalar_one()
        for job_id, minutes, ended_at in ((fresh, 1, None), (old, 60, None), (with_machine, 1, None),
                                          (settled, 60, now)):
            row = {"job_id": job_id, "minutes": minutes, "ended_at": ended_at, "settled": 7 if ended_at else None}
            await tx.execute(text(OLD), row)
        await tx.execute(text(INTERVAL), {"job_id": with_machine})
    await upgrade("services.cost_guard", url)
    async with engine.begin() as tx:
        columns = "job_id, started_at IS NOT NULL, published_final, published_micro_usd"
        rows = await tx.execute(text(f"SELECT {columns} FROM jobs"))
        found: dict[UUID, tuple[bool, bool | None, int | None]] = {row[0]: tuple(row[1:]) for row in rows}
    await engine.dispose()
    assert found == {
        fresh: (False, None, None),
        old: (True, None, None),
        with_machine: (True, None, None),
        settled: (False, True, 7),
    }
