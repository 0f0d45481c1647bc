"""Objects of checkpoints nobody can resume from any more, and broker users whose attempt has ended."""

from datetime import timedelta

import structlog

from chassis.objects.store import ObjectStore
from services.provisioner.leases import Toolbox
from services.provisioner.ports import CredentialIssuer
from services.provisioner.repository import checkpoints, pods

_log = structlog.get_logger(__name__)

_AT_ONCE = 20
# An interrupted pod may still say so and save what fits: RunPod gives 5 s.
_LAST_WORDS = timedelta(seconds=10)


class CheckpointCleaner:
    def __init__(self, tools: Toolbox, objects: ObjectStore, retention: timedelta) -> None:
        self._tools, self._objects, self._retention = tools, objects, retention

    async def clean(self) -> None:
        """Delete what was marked; the manifest first, so that a half deleted checkpoint is no checkpoint."""
        now = self._tools.clock.now()
        async with self._tools.database.transaction() as tx:
            await checkpoints.mark_of_ended_jobs(tx, now, ended_before=now - self._retention)
        async with self._tools.database.read() as tx:
            rows = await checkpoints.to_purge(tx, _AT_ONCE)
        for row in rows:
            for key in (row.manifest_key, *row.keys):
                await self._objects.delete(row.bucket, key)
            async with self._tools.database.transaction() as tx:
                await checkpoints.mark_purged(tx, row, now)


class Revoker:
    def __init__(self, tools: Toolbox, credentials: CredentialIssuer) -> None:
        self._tools, self._credentials = tools, credentials

    async def revoke(self) -> None:
        """Shut out the users of ended attempts; a zombie that comes back finds the door closed."""
        async with self._tools.database.read() as tx:
            users = await pods.users_of_ended(tx, interrupted_before=self._tools.clock.now() - _LAST_WORDS)
        if not users:
            return
        await self._credentials.revoke(tuple(key for keys in users.values() for key in keys))
        async with self._tools.database.transaction() as tx:
            for name in users:
                await pods.change(tx, name, nats_users=[])
        _log.info("pod_users_revoked", pods=sorted(users))
