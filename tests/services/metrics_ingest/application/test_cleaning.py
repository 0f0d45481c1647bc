import asyncio

from chassis.database.engine import Database
from services.metrics_ingest.application.workers.cleaning import Cleaner
from tests.services.metrics_ingest.conftest import Job, NoWindow, batches, value

FIRST_BITE = "DELETE FROM metric_points WHERE ctid IN (SELECT ctid FROM metric_points LIMIT 10)"


async def test_two_replicas_that_purge_one_job_leave_nothing(database: Database) -> None:
    await batches(database).take([Job().raw(range(30), loss=[1.0] * 30)])
    async with database.transaction() as tx:
        await tx.exec_driver_sql("UPDATE jobs SET deleted_at = now()")
    cleaner = Cleaner(database, NoWindow(), 0, bite=10)
    async with database.transaction() as other:
        await other.exec_driver_sql(FIRST_BITE)  # the other replica, in the middle of its work
        cleaning = asyncio.create_task(cleaner.clean())
        await asyncio.sleep(0.5)
        assert await value(database, "SELECT count(*) FROM jobs WHERE purged_at IS NOT NULL") == 0
    await cleaning
    await cleaner.clean()
    assert await value(database, "SELECT count(*) FROM metric_points") == 0
    assert await value(database, "SELECT count(*) FROM jobs WHERE purged_at IS NOT NULL") == 1
