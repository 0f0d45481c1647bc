"""End a machine and keep at it until the provider's own word is that it is gone."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from services.provisioner.adapters.repository import lines
from services.provisioner.application import pod_events
from services.provisioner.application.workers.context import LeasedPod, PodLease, WorkerContext, leased
from services.provisioner.application.workers.machines import began, price_columns, priced, still_missing
from services.provisioner.domain.billing import BilledInterval, billed_interval
from services.provisioner.domain.leaks import leaked_micro_usd, needed_until
from services.provisioner.domain.model import Job, JobState, Pod, PodStatus
from services.provisioner.domain.prices import completed_by
from services.provisioner.ports import Lifetime, Machine

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Seen:
    """The machine before and after it was told to end, and what it costs when it is gone."""

    before: Machine | None
    after: Machine | None
    lifetime: Lifetime | None


class TerminatePod:
    def __init__(self, context: WorkerContext) -> None:
        self._context = context

    async def run(self, lease: PodLease) -> None:
        """Terminate, then look. Until the machine is gone the pod stays `terminating`, and billed."""
        try:
            async with asyncio.timeout(self._context.call_timeout_s):
                seen = await self._terminate(lease.pod.pod_name)
        except Exception as error:
            self._context.metrics.provider_errors.labels("terminate").inc()
            _log.warning("terminate_failed", pod=lease.pod.pod_name, error=repr(error)[:300])
            seen = None
        async with leased(self._context, lease) as current:
            if current is not None:
                await self._apply(current, seen)

    async def _terminate(self, name: str) -> Seen:
        provider = self._context.provider
        before = await provider.describe(name)
        await provider.terminate(name)
        after = await provider.describe(name)
        return Seen(before, after, await provider.lifetime(name) if after is None else None)

    async def _apply(self, current: LeasedPod, seen: Seen | None) -> None:
        if seen is None:
            await current.release(self._context.policy.timeouts.terminate_poll_s)
        elif seen.after is not None:
            await self._not_yet(current, seen.after)
        elif seen.before is not None or not await still_missing(self._context, current):
            await self._close(current, seen)

    async def _not_yet(self, current: LeasedPod, machine: Machine) -> None:
        await current.release(
            self._context.policy.timeouts.terminate_poll_s, provider_pod_id=machine.provider_pod_id,
            running_since=current.pod.running_since or began(machine), exit_code=_exit_code(current, machine),
            missing_since=None, **price_columns(priced(current.pod, machine)),
        )

    async def _close(self, current: LeasedPod, seen: Seen) -> None:
        life, code, pod = seen.lifetime, _exit_code(current, seen.before), _priced(current.pod, seen)
        billed = billed_interval(
            current.pod.running_since, life.began_at if life else None, began(seen.before),
            ended_at=life.ended_at if life else None, now=current.now)
        leaked = self._count_leak(current, pod, seen, billed)
        await current.release(
            status=PodStatus.TERMINATED, running_since=billed.since, terminated_at=billed.until, exit_code=code,
            ended_at=current.pod.ended_at or current.now, closed_at=current.now,
            **({"leaked_micro_usd": leaked} if leaked else {}), **price_columns(pod))
        await lines.wake_first(current.tx, current.pod, current.now)
        await pod_events.publish_terminated(current.tx, current.job, pod, code, billed)
        if _never_had_a_machine(pod) and not _by_wish(current.job, pod):
            self._context.metrics.never_started.inc()

    def _count_leak(self, current: LeasedPod, pod: Pod, seen: Seen, billed: BilledInterval) -> int:
        """Micro-dollars. A pod without a create under way was adopted: nobody asked for this machine."""
        wanted, life = pod.create_asked_at is not None, seen.lifetime
        own = began(seen.before) or (life.began_at if life else None)
        cost = leaked_micro_usd(pod.price.rate_micro_usd_per_hour, billed.since if wanted else own or billed.since,
                                billed.until, needed_until(current.job, pod), wanted=wanted)
        if cost:
            _log.warning("money_leaked", pod=pod.pod_name, micro_usd=cost)
            self._context.metrics.count_leaked(pod.provider, cost)
        return cost


def _never_had_a_machine(pod: Pod) -> bool:
    """One that was adopted has a machine that nobody asked for."""
    return pod.came_up_at is None and (pod.create_asked_at is not None or pod.provider_pod_id is None)


def _by_wish(job: Job, pod: Pod) -> bool:
    return job.state in (JobState.CANCELLED, JobState.PAUSED) or pod.drain_by is not None


def _priced(pod: Pod, seen: Seen) -> Pod:
    pod = priced(pod, seen.before)
    return replace(pod, price=completed_by(seen.lifetime.price, pod.price)) if seen.lifetime else pod


def _exit_code(current: LeasedPod, machine: Machine | None) -> int | None:
    return machine.exit_code if machine is not None and machine.exit_code is not None else current.pod.exit_code
