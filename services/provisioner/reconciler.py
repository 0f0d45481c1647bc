"""Does what the handlers wrote down: takes due pods under a lease and works on them side by side."""

import asyncio

import structlog
from chassis.reconciler import Wakeup, every

from chassis.observability.logs import bound_contextvars
from services.provisioner.creation import Creation
from services.provisioner.domain.model import Pod, PodStatus
from services.provisioner.leases import Lease, Toolbox
from services.provisioner.removal import Removal
from services.provisioner.repository import pods
from services.provisioner.watching import Watching

_log = structlog.get_logger(__name__)

_AT_ONCE = 16
_IDLE_S = 0.5


class Reconciler:
    def __init__(
        self, tools: Toolbox, *, creation: Creation, watching: Watching, removal: Removal, lease_s: float
    ) -> None:
        self._tools, self._lease_s = tools, lease_s
        self._creation, self._watching, self._removal = creation, watching, removal
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Woken by LISTEN/NOTIFY; looks every half second for what became due by time."""
        try:
            async with Wakeup(self._tools.database.url, pods.DUE_CHANNEL) as wakeup:
                await every(_IDLE_S, self._take_some, wakeup=wakeup, max_backoff_s=2.0)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self) -> int:
        """Work on everything that is due now and wait for it; how many pods that were."""
        before = await self._take_some()
        await asyncio.gather(*self._tasks)
        return before

    async def _take_some(self) -> int:
        room = _AT_ONCE - len(self._tasks)
        if room <= 0:
            return 0
        async with self._tools.database.transaction() as tx:
            taken = await pods.claim_due(tx, self._tools.clock.now(), self._lease_s, room)
        for pod, token in taken:
            task = asyncio.create_task(self._work(Lease(pod, token)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(taken)

    async def _work(self, lease: Lease) -> None:
        """One step for one pod. What raises here (the database went away) is done again when the lease is over."""
        with bound_contextvars(job_id=str(lease.pod.job_id)):
            try:
                await self._step(lease.pod, lease)
            except Exception as error:
                _log.warning("pod_work_failed", pod=lease.pod.pod_name, status=lease.pod.status, exc_info=error)

    async def _step(self, pod: Pod, lease: Lease) -> None:
        if pod.status is PodStatus.TERMINATING:
            await self._removal.run(lease)
        elif pod.status is PodStatus.RUNNING or pod.provider_pod_id is not None:
            await self._watching.run(lease)
        else:
            await self._creation.run(lease)
