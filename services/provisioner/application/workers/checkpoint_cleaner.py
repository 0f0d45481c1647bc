"""Objects of checkpoints nobody can resume from any more."""

from datetime import timedelta

from chassis.objects.store import ObjectStore
from services.provisioner.adapters.repository import checkpoints
from services.provisioner.application.workers.context import WorkerContext

_AT_ONCE = 20


class CheckpointCleaner:
    def __init__(self, context: WorkerContext, objects: ObjectStore, retention: timedelta) -> None:
        self._context, self._objects, self._retention = context, objects, retention

    async def clean(self) -> None:
        """Delete what was marked; the manifest first, so that a half deleted checkpoint is no checkpoint."""
        async with self._context.database.transaction() as tx:
            now = await self._context.database_clock.now(tx)
            await checkpoints.mark_of_ended_jobs(tx, now, ended_before=now - self._retention)
        async with self._context.database.read() as tx:
            rows = await checkpoints.to_purge(tx, _AT_ONCE)
        for row in rows:
            for key in (row.manifest_key, *row.keys):
                await self._objects.delete(row.bucket, key)
            async with self._context.database.transaction() as tx:
                await checkpoints.mark_purged(tx, row, now)
