"""What happens by time alone: pods that fell silent, jobs that ran too long, old checkpoints, revocations."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from contracts.events import InterruptionSource
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.strikes import Cause
from services.provisioner.hearing import Hearing
from services.provisioner.leases import Toolbox
from services.provisioner.repository import jobs, pods
from services.provisioner.usecases.attempts import Ending, end_attempt
from services.provisioner.usecases.jobs import end_overdue

_log = structlog.get_logger(__name__)

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Sweeper:
    def __init__(self, tools: Toolbox, hearing: Hearing) -> None:
        self._tools, self._hearing = tools, hearing

    async def sweep(self) -> None:
        await self._end_silent()
        await self._end_overdue()
        async with self._tools.database.read() as tx:
            self._tools.metrics.show_pods(await pods.count_by_status(tx))

    async def _end_silent(self) -> None:
        word_before, start_before = self._silence_limits()
        async with self._tools.database.read() as tx:
            silent = await pods.silent(tx, last_word_before=word_before, started_before=start_before)
        for job_id, attempt in silent:
            await self._interrupt(job_id, attempt)

    def _silence_limits(self) -> tuple[datetime, datetime]:
        """(last word before, start before): older ones are silent too long. Far away while we could not hear."""
        since, now, limits = self._hearing.since(), self._tools.clock.now(), self._tools.limits
        return tuple(  # type: ignore[return-value]
            moment if since <= moment else _LONG_AGO
            for moment in (now - timedelta(seconds=s) for s in (limits.heartbeat_s, limits.first_heartbeat_s))
        )

    async def _interrupt(self, job_id: UUID, attempt: int) -> None:
        limits = self._tools.limits
        async with self._tools.database.transaction() as tx:
            job, pod = await jobs.lock_job(tx, job_id), await pods.lock_pod(tx, job_id, attempt)
            if job is None or pod is None or pod.status is not PodStatus.RUNNING or not job.active:
                return
            now = self._tools.clock.now()
            heard = pod.last_heartbeat_at or pod.running_since or now
            if (now - heard).total_seconds() < limits.heartbeat_s:
                return  # it spoke in the meantime
            reason = f"no heartbeat for {int((now - heard).total_seconds())} s"
            _log.warning("pod_silent", pod=pod.pod_name, reason=reason)
            self._tools.metrics.interruptions.labels(Cause.INTERRUPTED.value).inc()
            ending = Ending(Cause.INTERRUPTED, reason, InterruptionSource.HEARTBEAT)
            await end_attempt(tx, job, pod, ending, limits=limits, now=now)

    async def _end_overdue(self) -> None:
        now = self._tools.clock.now()
        async with self._tools.database.read() as tx:
            overdue = await jobs.overdue(tx, now)
        for job_id in overdue:
            async with self._tools.database.transaction() as tx:
                await end_overdue(tx, job_id, limits=self._tools.limits, now=now)
