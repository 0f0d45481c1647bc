"""Ask the provider for the machine of an attempt whose intent is saved."""

import asyncio

import structlog

from contracts.error_taxonomy import TrainingErrorType
from services.provisioner.domain import attempts
from services.provisioner.domain.limits import delay
from services.provisioner.domain.model import PodStatus
from services.provisioner.leases import Held, Lease, Toolbox, held
from services.provisioner.orders import PodDefaults, order, pod_spec
from services.provisioner.ports import CredentialIssuer, Machine, MachineState, NoCapacity, Order, OrderRefused
from services.provisioner.repository import jobs, pods
from services.provisioner.usecases import say
from services.provisioner.usecases.attempts import give_up

_log = structlog.get_logger(__name__)

# The broker lets a pod talk a little longer than the job may run, for its last words.
_CREDENTIALS_MARGIN_S = 3600


class Creation:
    def __init__(self, tools: Toolbox, credentials: CredentialIssuer, defaults: PodDefaults) -> None:
        self._tools, self._credentials, self._defaults = tools, credentials, defaults

    async def run(self, lease: Lease) -> None:
        """Create, then record what came of it. Killed in between, the next create finds what exists."""
        wanted = await self._prepare(lease)
        if wanted is None:
            return
        try:
            async with asyncio.timeout(self._tools.call_timeout_s):
                machine = await self._tools.provider.create(wanted)
        except Exception as error:
            await self._failed(lease, error)
            return
        async with held(self._tools, lease) as now_held:
            if now_held is not None:
                await record_machine(self._tools, now_held, machine)

    async def _prepare(self, lease: Lease) -> Order | None:
        """The order, with its broker user saved first so that it can be revoked whatever happens."""
        async with held(self._tools, lease) as current:
            if current is None:
                return None
            if not current.job.active or current.pod.status is PodStatus.TERMINATING:
                await current.release(status=PodStatus.TERMINATING)
                return None
            spec = pod_spec(current.job, current.pod, self._defaults, current.now)
            user = self._credentials.issue(spec.job_id, spec.max_duration_s + _CREDENTIALS_MARGIN_S)
            users = [*current.pod.nats_users, *([user.user] if user else [])]
            await self._begin(current, users)
            return order(current.pod, spec, user)

    async def _begin(self, current: Held, users: list[str]) -> None:
        await pods.change(current.tx, current.pod.pod_name, status=PodStatus.CREATING, nats_users=users,
                          creating_since=current.pod.creating_since or current.now)

    async def _failed(self, lease: Lease, error: Exception) -> None:
        self._tools.metrics.provider_errors.labels("create").inc()
        limits = self._tools.limits
        async with held(self._tools, lease) as current:
            if current is None:
                return
            if current.pod.status is PodStatus.TERMINATING:
                await current.release()
            elif isinstance(error, NoCapacity):
                await self._no_capacity(current, error)
            elif isinstance(error, OrderRefused) or current.pod.create_failures + 1 >= len(limits.create_delays_s):
                await self._give_up(current, f"The provider refused the machine: {_words(error)}")
            else:
                failures = current.pod.create_failures + 1
                _log.warning("create_failed", pod=current.pod.pod_name, failures=failures, error=_words(error))
                await current.release(delay(limits.create_delays_s, failures), create_failures=failures,
                                      reason=_words(error))

    async def _no_capacity(self, current: Held, error: NoCapacity) -> None:
        since = current.pod.creating_since or current.now
        if (current.now - since).total_seconds() >= self._tools.limits.capacity_wait_s:
            await self._give_up(current, f"No machine was to be had: {_words(error)}")
        else:
            await current.release(self._tools.limits.capacity_retry_s, reason=f"waiting for capacity: {_words(error)}")

    async def _give_up(self, current: Held, message: str) -> None:
        decision = attempts.give_up(TrainingErrorType.PROVISIONING, message)
        await give_up(current.tx, current.job, current.pod, decision, limits=self._tools.limits,
                      now=current.now)
        await current.release()


async def record_machine(tools: Toolbox, current: Held, machine: Machine) -> None:
    """Save what the provider made, running or not yet. One that is not wanted any more is ended next."""
    values: dict[str, object] = {"provider_pod_id": machine.provider_pod_id, "reason": ""}
    if current.pod.status is PodStatus.TERMINATING:
        # Ended while it was being made. It has cost money since it ran.
        await current.release(provider_pod_id=machine.provider_pod_id, running_since=machine.running_since)
        return
    if machine.state is MachineState.STARTING:
        await current.release(min(1.0, tools.limits.poll_s), **values)
        return
    since = machine.running_since or current.now
    await say.running(current.tx, current.job, current.pod, machine.provider_pod_id, since)
    await jobs.mark_running(current.tx, current.job.job_id, since)
    tools.metrics.time_to_running.observe((since - current.pod.requested_at).total_seconds())
    after_s = tools.limits.poll_s if machine.state is MachineState.RUNNING else 0.0
    await current.release(after_s, status=PodStatus.RUNNING, running_since=since, **values)


def _words(error: Exception) -> str:
    """An error for people. A timeout has no text of its own."""
    return str(error)[:300] or type(error).__name__
