"""Objects of checkpoints nobody can resume from any more."""

from datetime import datetime, timedelta

from chassis.messaging.outbox import emit
from chassis.objects.store import ObjectStore
from contracts.envelope import new_event
from contracts.events import CheckpointExpired
from services.provisioner.adapters.repository import checkpoints
from services.provisioner.application.pod_events import SOURCE
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.domain.storage import CHECKPOINTS_BUCKET, job_prefix

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
        await self._sweep(now)

    async def _sweep(self, now: datetime) -> None:
        """What is left below the prefix of a job whose checkpoints have all been given up: parts of some that never
        became whole, as their machine was taken away."""
        async with self._context.database.read() as tx:
            due = await checkpoints.jobs_to_sweep(tx, ended_before=now - self._retention, count=_AT_ONCE)
        for job in due:
            for item in await self._objects.list(CHECKPOINTS_BUCKET, job_prefix(job.workspace_id, job.job_id)):
                await self._objects.delete(CHECKPOINTS_BUCKET, item.key)
            async with self._context.database.transaction() as tx:
                await checkpoints.mark_swept(tx, job.job_id, now)
