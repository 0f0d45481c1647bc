"""End a machine and keep at it until the provider's own word is that it is gone."""

import asyncio

import structlog

from services.provisioner.domain.model import PodStatus
from services.provisioner.leases import Lease, Toolbox, held
from services.provisioner.ports import Machine
from services.provisioner.usecases import say

_log = structlog.get_logger(__name__)


class Removal:
    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools

    async def run(self, lease: Lease) -> None:
        """Terminate, then look. Until the machine is gone the pod stays `terminating`, and billed."""
        name = lease.pod.pod_name
        try:
            async with asyncio.timeout(self._tools.call_timeout_s):
                before = await self._tools.provider.describe(name)
                await self._tools.provider.terminate(name)
                after = await self._tools.provider.describe(name)
        except Exception as error:
            self._tools.metrics.provider_errors.labels("terminate").inc()
            _log.warning("terminate_failed", pod=name, error=repr(error)[:300])
            await self._apply(lease, None, gone=False)
            return
        await self._apply(lease, before, gone=after is None)

    async def _apply(self, lease: Lease, before: Machine | None, *, gone: bool) -> None:
        async with held(self._tools, lease) as current:
            if current is None:
                return
            code = before.exit_code if before is not None and before.exit_code is not None else current.pod.exit_code
            if not gone:
                await current.release(self._tools.limits.terminate_poll_s, exit_code=code)
                return
            await current.release(status=PodStatus.TERMINATED, terminated_at=current.now, exit_code=code,
                                  ended_at=current.pod.ended_at or current.now)
            await say.terminated(current.tx, current.job, current.pod, code, current.now)
