"""What ends by time alone: pods that fell silent, and jobs that ran longer than they may."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from contracts.events import InterruptionSource
from services.provisioner.adapters.repository import jobs, pods
from services.provisioner.application.commands.attempts import Ending, end_attempt, end_drain
from services.provisioner.application.commands.jobs import end_overdue
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.domain.liveness import LivenessWindow, silent_since
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.retry_counters import Cause

_log = structlog.get_logger(__name__)


class SilentPods:
    """Asked every second or so: a longer pause counts as an absence of this process, not of the pods."""

    def __init__(self, context: WorkerContext, is_connected: Callable[[], bool]) -> None:
        self._context, self._is_connected = context, is_connected
        self._window = LivenessWindow()

    async def interrupt(self) -> None:
        async with self._context.database.read() as tx:
            heartbeat_before, start_before = self._limits(await self._context.database_clock.now(tx))
            silent = await pods.silent(tx, last_word_before=heartbeat_before, started_before=start_before)
        for job_id, attempt in silent:
            await self._interrupt(job_id, attempt)

    def _limits(self, now: datetime) -> tuple[datetime, datetime]:
        """(last heartbeat before, start before): older ones are silent too long."""
        timeouts = self._context.policy.timeouts
        since = self._window.since(now, self._context.clock.monotonic(), connected=self._is_connected())
        return (silent_since(since, now - timedelta(seconds=timeouts.heartbeat_s)),
                silent_since(since, now - timedelta(seconds=timeouts.first_heartbeat_s)))

    async def _interrupt(self, job_id: UUID, attempt: int) -> None:
        policy = self._context.policy
        async with self._context.database.transaction() as tx:
            job, pod = await jobs.lock_job(tx, job_id), await pods.lock_pod(tx, job_id, attempt)
            if job is None or pod is None or pod.status is not PodStatus.RUNNING:
                return
            if not job.active and not pod.draining:
                return
            now = await self._context.database_clock.now(tx)
            silent_s = (now - (pod.last_heartbeat_at or pod.came_up_at or pod.running_since or now)).total_seconds()
            if silent_s < policy.timeouts.heartbeat_s:
                return  # it spoke in the meantime
            _log.warning("pod_silent", job_id=str(job_id), pod=pod.pod_name, silent_s=int(silent_s))
            self._context.metrics.interruptions.labels(Cause.INTERRUPTED.value).inc()
            ending = Ending(Cause.INTERRUPTED, f"no heartbeat for {int(silent_s)} s", InterruptionSource.HEARTBEAT)
            await end_attempt(tx, job, pod, ending, policy=policy, now=now)


async def end_overdue_drains(context: WorkerContext) -> None:
    """Whoever does not save and end in time is stopped; its newest checkpoint counts."""
    async with context.database.read() as tx:
        late = await pods.drained_out(tx, await context.database_clock.now(tx))
    for job_id, attempt in late:
        async with context.database.transaction() as tx:
            job, pod = await jobs.lock_job(tx, job_id), await pods.lock_pod(tx, job_id, attempt)
            if job is not None and pod is not None and pod.draining:
                _log.warning("checkpoint_not_awaited", job_id=str(job_id), pod=pod.pod_name)
                await end_drain(tx, job, pod, pod.reason, policy=context.policy,
                                now=await context.database_clock.now(tx))


async def end_overdue_jobs(context: WorkerContext) -> None:
    async with context.database.read() as tx:
        overdue = await jobs.overdue(tx, await context.database_clock.now(tx))
    for job_id in overdue:
        async with context.database.transaction() as tx:
            await end_overdue(tx, job_id, policy=context.policy, now=await context.database_clock.now(tx))


async def show_pods(context: WorkerContext) -> None:
    async with context.database.read() as tx:
        context.metrics.show_pods(await pods.count_by_status(tx))
        context.metrics.show_machines(
            context.provider.name, await pods.machines_rented(tx), await pods.oldest_request_s(tx))
