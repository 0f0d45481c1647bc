"""Why a machine that was made does not come up: only its own log may know."""

import asyncio

import structlog

from contracts.error_catalogue import ErrorCode, recognised
from contracts.error_taxonomy import TrainingErrorType
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.domain.model import Pod, PodStatus
from services.provisioner.ports import Machine, MachineState

_log = structlog.get_logger(__name__)
_LOOKED_AT_BYTES, _PATIENCE_S = 64_000, 10.0
# Asked shortly before the machine is given up, not with every look.
_SHARE_OF_LIMIT = 0.9


async def why_not_started(context: WorkerContext, pod: Pod, machine: Machine | None) -> ErrorCode | None:
    """The failure that the log of a machine which does not start tells of; None where nobody knows (yet)."""
    if not await _is_asked(context, pod, machine):
        return None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            text, _ = await context.provider.read_log(pod.pod_name, 0, _LOOKED_AT_BYTES)
    except Exception as error:
        _log.info("start_failure_not_readable", pod=pod.pod_name, error=repr(error)[:300])
        return None
    for line in reversed(text.decode(errors="replace").splitlines()):
        found = recognised(line)
        if found is not None and found.error_type is TrainingErrorType.PROVISIONING:
            return found.code
    return None


async def _is_asked(context: WorkerContext, pod: Pod, machine: Machine | None) -> bool:
    if pod.status is not PodStatus.CREATING or pod.creating_since is None:
        return False
    if machine is None or machine.state is MachineState.EXITED:
        return machine is not None and machine.running_since is None
    if machine.state is not MachineState.STARTING:
        return False
    async with context.database.read() as tx:
        waited_s = (await context.database_clock.now(tx) - pod.creating_since).total_seconds()
    return waited_s > _SHARE_OF_LIMIT * context.policy.timeouts.provisioning_s
