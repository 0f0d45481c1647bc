"""What was prepared for downloads does not stay: it is made anew when it is asked for again."""

from datetime import timedelta

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.objects.store import ObjectStore
from services.job_api.artifacts.application.delivery import remove
from services.job_api.artifacts.repository import downloads

SWEEP_EVERY_S = 600.0
_SWEPT_AT_ONCE = 100


async def expire_deliveries(database: Database, objects: ObjectStore, clock: Clock, keep: timedelta) -> int:
    """Remove what no URL has led to for longer than `keep`. Returns how many. Safe to repeat, and for replicas at once:
    to remove what is gone is nothing."""
    before = clock.now() - keep
    async with database.read() as tx:
        keys = await downloads.outdated_objects(tx, before, _SWEPT_AT_ONCE)
    for key in keys:
        await remove(objects, key)
        async with database.transaction() as tx:
            await downloads.forget_object(tx, key, before)
    return len(keys)
