"""Objects of checkpoints nobody can resume from any more."""

from datetime import timedelta

from chassis.messaging.outbox import emit
from chassis.objects.store import ObjectStore
from contracts.envelope import new_event
from contracts.events import CheckpointExpired
from services.provisioner.adapters.repository import checkpoints
from services.provisioner.application.pod_events import SOURCE
from services.provisioner.application.workers.context import WorkerContext

_AT_ONCE = 20


class CheckpointCleaner:
    def __init__(self, context: WorkerContext, objects: ObjectStore, retention: timedelta) -> None:
        self._context, self._objects, self._retention = context, objects, retention

    async def clean(self) -> None:
        """Delete what was marked; the manifest first, so that a half deleted checkpoint is no checkpoint."""
        async with self._context.database.transaction() as tx:
            now = await self._context.database_clock.now(tx)
            for job_id, workspace_id in sorted(
                await checkpoints.mark_of_ended_jobs(tx, now, ended_before=now - self._retention)
            ):
                expired = CheckpointExpired(job_id=job_id, workspace_id=workspace_id, expired_at=now)
                await emit(tx, new_event(expired, source=SOURCE))
        async with self._context.database.read() as tx:
            rows = await checkpoints.to_purge(tx, _AT_ONCE)
        for row in rows:
            for key in (row.manifest_key, *row.keys):
                await self._objects.delete(row.bucket, key)
            async with self._context.database.transaction() as tx:
                await checkpoints.mark_purged(tx, row, now)
