"""The provider's list against the database: a pod without a job is money burning."""

import asyncio
from datetime import timedelta

import structlog

from services.provisioner.adapters.repository import leases, pods
from services.provisioner.domain.model import PodStatus
from services.provisioner.workers.context import WorkerContext

_log = structlog.get_logger(__name__)

# A machine that was just created may be missing from a list that was made a moment before.
_YOUNG_S = 15.0


class Reaper:
    def __init__(self, context: WorkerContext) -> None:
        self._context = context

    async def reap(self) -> None:
        """Terminate what should not exist, look at once at what should exist and is not listed."""
        async with asyncio.timeout(self._context.call_timeout_s):
            machines = await self._context.provider.list()
        listed = {machine.name for machine in machines}
        async with self._context.database.read() as tx:
            known = await pods.statuses(tx, listed)
        for name in sorted(listed):
            if known.get(name, PodStatus.TERMINATED) is PodStatus.TERMINATED:
                await self._terminate(name)
        await self._look_at_missing(listed)

    async def _terminate(self, name: str) -> None:
        """Its intent is always saved first, so a machine that no row speaks for belongs to nobody."""
        _log.warning("leaked_pod_terminated", pod=name)
        self._context.metrics.leaked.inc()
        async with asyncio.timeout(self._context.call_timeout_s):
            await self._context.provider.terminate(name)

    async def _look_at_missing(self, listed: set[str]) -> None:
        now = self._context.clock.now()
        async with self._context.database.transaction() as tx:
            missing = await pods.running_since_before(tx, now - timedelta(seconds=_YOUNG_S)) - listed
            if missing:
                await leases.make_due(tx, now, missing)
