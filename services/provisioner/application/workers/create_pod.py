"""Ask the provider for the machine of an attempt whose intent is saved."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from opentelemetry.trace import SpanKind

from chassis.observability.tracing import span_from
from contracts.error_catalogue import ErrorCode
from services.provisioner.adapters.repository import broker, lines, pods
from services.provisioner.application import pod_events
from services.provisioner.application.commands.attempts import give_up
from services.provisioner.application.workers.context import LeasedPod, PodLease, WorkerContext, leased
from services.provisioner.application.workers.machines import record_machine
from services.provisioner.application.workers.other_tier import OtherTier, Refused
from services.provisioner.application.workers.pod_request import PodDefaults, pod_request, pod_spec
from services.provisioner.domain.attempts import GiveUp, takes_on_demand
from services.provisioner.domain.lines import asks_now
from services.provisioner.domain.model import Job, Pod, PodStatus
from services.provisioner.domain.policy import delay
from services.provisioner.ports import (
    AskLater,
    BrokerAccess,
    BrokerAccount,
    Lifetime,
    Machine,
    MachineState,
    NoCapacity,
    PodCredentials,
    PodRequest,
    ProviderError,
    RequestRefused,
)

_log = structlog.get_logger(__name__)

# The broker lets a pod talk a little longer than the job may run, for its last words.
_CREDENTIALS_MARGIN_S = 3600
_BROKER_RETRY_S = 1.0
_SHORTEST_WAIT_S = 1.0
_LOOK_AGAIN_S = 0.2


@dataclass(frozen=True)
class Prepared:
    """`account` None: the broker asks for no credentials."""

    request: PodRequest
    account: BrokerAccount | None
    job: Job = field(repr=False)


class CreatePod:
    def __init__(self, context: WorkerContext, access: BrokerAccess, defaults: PodDefaults) -> None:
        self._context, self._access, self._defaults = context, access, defaults
        self._tiers = OtherTier(context)

    async def run(self, lease: PodLease) -> None:
        """Create, then record what came of it. Killed in between, the next create finds what exists."""
        prepared = await self._prepare(lease)
        if prepared is None or not await self._introduced(lease, prepared.account):
            return
        if await self._tiers.sends_back(lease, prepared.job):
            return
        try:
            async with asyncio.timeout(self._context.call_timeout_s):
                with span_from(prepared.job.traceparent, "create machine", kind=SpanKind.CLIENT,
                               pod=lease.pod.pod_name, provider=self._context.provider.name):
                    made = await self._made_before(lease.pod) or await self._context.provider.create(
                        prepared.request)
        except Exception as error:
            await self._failed(lease, prepared.job, error)
            return
        async with leased(self._context, lease) as current:
            if current is None:
                return
            if isinstance(made, Lifetime):
                # Looked at like any machine that has ended. The provider's own name for it is not known any more.
                await current.release(provider_pod_id=current.pod.pod_name, running_since=made.began_at)
            else:
                await self._got(current, made)

    async def _got(self, current: LeasedPod, machine: Machine) -> None:
        """It has left the line; the next one asks."""
        if current.pod.waiting_since is not None and machine.state is MachineState.STARTING:
            await pod_events.publish_requested(current.tx, current.job, current.pod)
        await pods.change(current.tx, current.pod.pod_name, waiting_since=None, told_ahead=None)
        await record_machine(self._context, current, machine)
        await lines.wake_first(current.tx, current.pod, current.now)

    async def _made_before(self, pod: Pod) -> Lifetime | None:
        """A create that was not answered may have made a machine that is gone again. Where a name can be used twice,
        a second one would run under the number of an attempt that has run."""
        if pod.create_asked_at is None or await self._context.provider.describe(pod.pod_name) is not None:
            return None
        return await self._context.provider.lifetime(pod.pod_name)

    async def _prepare(self, lease: PodLease) -> Prepared | None:
        """The request, with its broker user saved first so that it can be revoked whatever happens."""
        async with leased(self._context, lease) as current:
            if current is None:
                return None
            if not current.job.active or current.pod.status is PodStatus.TERMINATING:
                await current.release(status=PodStatus.TERMINATING)
                return None
            if not await self._is_its_turn(current):
                return None
            await pods.change(current.tx, current.pod.pod_name, status=PodStatus.CREATING,
                              creating_since=current.pod.creating_since or current.now, create_asked_at=current.now)
            spec = pod_spec(current.job, current.pod, self._defaults, current.now)
            account, user = await self._user(current, spec.max_duration_s + _CREDENTIALS_MARGIN_S)
            return Prepared(pod_request(current.pod, spec, user), account, current.job)

    async def _is_its_turn(self, current: LeasedPod) -> bool:
        ahead = await lines.ahead(current.tx, current.pod, current.now)
        if asks_now(current.pod, ahead) or self._lost_patience(current):
            return True
        if ahead.waiting:
            await self._wait_in_line(current, ahead.waiting, NoCapacity("others wait for the same machines"))
        else:
            await current.release(_LOOK_AGAIN_S)  # the one before it is being asked for
        return False

    def _lost_patience(self, current: LeasedPod) -> bool:
        """Whether an `auto` job has stood behind others for so long that it is asked for on demand: it is asked for
        out of turn, which is how its tier is changed."""
        spec = current.job.spec
        return spec is not None and takes_on_demand(
            spec.pricing_tier, current.pod, self._context.policy.retry, failed_offers=0, now=current.now)

    async def _user(
        self, current: LeasedPod, lifetime_s: int
    ) -> tuple[BrokerAccount | None, PodCredentials | None]:
        if not (proposed := self._access.new_account_key()):
            return None, None
        pod = current.pod
        account = await broker.account_of(current.tx, pod.workspace_id, proposed)
        user = self._access.issue(account.key, pod.job_id, lifetime_s)
        await broker.add_user(current.tx, user, pod.workspace_id, pod.pod_name)
        return account, user

    async def _introduced(self, lease: PodLease, account: BrokerAccount | None) -> bool:
        """Without its account at the broker the pod could not speak. A broker that is away is no fault of anybody."""
        if account is None:
            return True
        try:
            await self._access.introduce(account)
        except Exception as error:
            _log.warning("broker_account_not_introduced", pod=lease.pod.pod_name, error=_words(error))
            async with leased(self._context, lease) as current:
                if current is not None:
                    await current.release(_BROKER_RETRY_S, reason="waiting for the broker")
            return False
        return True

    async def _failed(self, lease: PodLease, job: Job, error: Exception) -> None:
        self._context.metrics.provider_errors.labels("create").inc()
        price = await self._tiers.price_after(error, job, lease.pod)
        async with leased(self._context, lease) as current:
            if current is None:
                return
            if current.pod.status is PodStatus.TERMINATING:
                await current.release()
                return
            taken = await self._tiers.take(current, error, price)
            if taken is not True:
                await self._not_made(current, taken.error if isinstance(taken, Refused) else error)
            await lines.wake_first(current.tx, current.pod, current.now)

    async def _not_made(self, current: LeasedPod, error: Exception) -> None:
        if isinstance(error, NoCapacity):
            await self._wait_in_line(current, 0, error)
        elif isinstance(error, AskLater):
            await self._ask_later(current, error)
        else:
            await self._refused(current, error)

    async def _refused(self, current: LeasedPod, error: Exception) -> None:
        delays_s, failures = self._context.policy.retry.create_delays_s, current.pod.create_failures + 1
        if isinstance(error, RequestRefused) or failures >= len(delays_s):
            await self._give_up(current, f"The provider refused the machine: {_words(error)}", error)
            return
        _log.warning("create_failed", pod=current.pod.pod_name, failures=failures, error=_words(error))
        await current.release(delay(delays_s, failures), create_failures=failures, reason=_words(error))

    async def _wait_in_line(self, current: LeasedPod, ahead: int, error: NoCapacity) -> None:
        """Nothing was created. The first in line asks again soon, and sooner when something was given back."""
        retry, pod, since = self._context.policy.retry, current.pod, current.pod.waiting_since or current.now
        if await self._waited_too_long(current, since, error):
            return
        if pod.told_ahead != ahead:
            await pod_events.publish_waiting(current.tx, current.job, pod, ahead, since, _words(error))
        await current.release(
            retry.capacity_retry_s, status=PodStatus.REQUESTED, creating_since=None, create_asked_at=None,
            waiting_since=since, told_ahead=ahead, reason=f"waiting for capacity: {_words(error)}")

    async def _ask_later(self, current: LeasedPod, error: AskLater) -> None:
        if not await self._waited_too_long(current, current.pod.creating_since or current.now, error):
            await current.release(max(_SHORTEST_WAIT_S, error.retry_after_s), reason=_words(error))

    async def _waited_too_long(self, current: LeasedPod, since: datetime, error: Exception) -> bool:
        waited_s = (current.now - since).total_seconds()
        if waited_s < self._context.policy.retry.capacity_wait_s:
            return False
        await self._give_up(current, f"No machine was to be had: {_words(error)}", error, waited_h=waited_s / 3600)
        return True

    async def _give_up(self, current: LeasedPod, message: str, error: Exception, **facts: float) -> None:
        code = error.error_code if isinstance(error, ProviderError) else ErrorCode.PROVIDER_UNAVAILABLE
        tries = current.pod.create_failures + 1
        decision = GiveUp(code, message, {"reason": _words(error), "tries": tries, **facts})
        await give_up(current.tx, current.job, current.pod, decision, policy=self._context.policy, now=current.now)
        await current.release()


def _words(error: Exception) -> str:
    """An error for people. A timeout has no text of its own."""
    return str(error)[:300] or type(error).__name__
