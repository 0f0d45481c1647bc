"""End a machine and keep at it until the provider's own word is that it is gone."""

import asyncio

import structlog

from services.provisioner.application import pod_events
from services.provisioner.domain.model import PodStatus
from services.provisioner.ports import Machine
from services.provisioner.workers.context import PodLease, WorkerContext, leased

_log = structlog.get_logger(__name__)


class TerminatePod:
    def __init__(self, context: WorkerContext) -> None:
        self._context = context

    async def run(self, lease: PodLease) -> None:
        """Terminate, then look. Until the machine is gone the pod stays `terminating`, and billed."""
        name = lease.pod.pod_name
        try:
            async with asyncio.timeout(self._context.call_timeout_s):
                before = await self._context.provider.describe(name)
                await self._context.provider.terminate(name)
                after = await self._context.provider.describe(name)
        except Exception as error:
            self._context.metrics.provider_errors.labels("terminate").inc()
            _log.warning("terminate_failed", pod=name, error=repr(error)[:300])
            await self._apply(lease, None, gone=False)
            return
        await self._apply(lease, before, gone=after is None)

    async def _apply(self, lease: PodLease, before: Machine | None, *, gone: bool) -> None:
        async with leased(self._context, lease) as current:
            if current is None:
                return
            code = before.exit_code if before is not None and before.exit_code is not None else current.pod.exit_code
            if not gone:
                await current.release(self._context.policy.timeouts.terminate_poll_s, exit_code=code)
                return
            await current.release(status=PodStatus.TERMINATED, terminated_at=current.now, exit_code=code,
                                  ended_at=current.pod.ended_at or current.now)
            await pod_events.publish_terminated(current.tx, current.job, current.pod, code, current.now)
