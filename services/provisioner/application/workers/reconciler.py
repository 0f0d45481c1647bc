"""Does what the subscribers wrote down: takes due pods under a lease and works on them side by side."""

import asyncio

import structlog

from chassis.cancellation import cancel_and_wait
from chassis.database.listen import PgListener
from chassis.observability.logs import bound_contextvars
from chassis.observability.tracing import continued
from services.provisioner.adapters.repository import leases
from services.provisioner.application.workers.context import PodLease, WorkerContext
from services.provisioner.application.workers.create_pod import CreatePod
from services.provisioner.application.workers.poll_pod import PollPod
from services.provisioner.application.workers.terminate_pod import TerminatePod
from services.provisioner.domain.model import Pod, PodStatus

_log = structlog.get_logger(__name__)

_AT_ONCE = 16
_IDLE_S = 0.5


class Reconciler:
    def __init__(
        self, context: WorkerContext, *, create: CreatePod, poll: PollPod, terminate: TerminatePod, lease_s: float
    ) -> None:
        self._context, self._lease_s = context, lease_s
        self._create, self._poll, self._terminate = create, poll, terminate
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Woken by LISTEN/NOTIFY; looks every half second for what became due by time."""
        try:
            async with PgListener(self._context.database.url, leases.DUE_CHANNEL) as due:
                while True:
                    await self._take_due()
                    await due.wait(_IDLE_S)
        except asyncio.CancelledError:
            await cancel_and_wait(*self._tasks)
            raise

    async def settle(self) -> int:
        """Work on everything that is due now and wait for it; how many pods that were."""
        before = await self._take_due()
        await asyncio.gather(*self._tasks)
        return before

    async def _take_due(self) -> int:
        room = _AT_ONCE - len(self._tasks)
        if room <= 0:
            return 0
        taken = await self.claim(room)
        for lease in taken:
            task = asyncio.create_task(self.work(lease))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(taken)

    async def claim(self, count: int) -> list[PodLease]:
        """Up to `count` due pods that nobody works on."""
        async with self._context.database.transaction() as tx:
            taken = await leases.claim_due(tx, await self._context.database_clock.now(tx), self._lease_s, count)
        return [PodLease(*each) for each in taken]

    async def work(self, lease: PodLease) -> None:
        """One step for one pod. What raises here (the database went away) is done again when the lease is over."""
        with bound_contextvars(job_id=str(lease.pod.job_id)), continued(lease.traceparent):
            try:
                await self._step(lease.pod, lease)
            except Exception as error:
                _log.warning("pod_work_failed", pod=lease.pod.pod_name, status=lease.pod.status, exc_info=error)

    async def _step(self, pod: Pod, lease: PodLease) -> None:
        if pod.status is PodStatus.TERMINATING:
            await self._terminate.run(lease)
        elif pod.status is PodStatus.RUNNING or pod.provider_pod_id is not None:
            await self._poll.run(lease)
        else:
            await self._create.run(lease)


async def follow_changes(context: WorkerContext) -> None:
    """Have the reconciler look at once at a machine whose state changed."""
    async for name in context.provider.changes():
        async with context.database.transaction() as tx:
            await leases.make_due(tx, await context.database_clock.now(tx), [name])
