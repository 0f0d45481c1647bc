"""An `auto` job that gets no spot machine takes one on demand, within the job's ceiling."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from contracts.gpus import PricingTier
from contracts.rpc.pods import Price
from services.provisioner.adapters.repository import pods
from services.provisioner.application import pod_events
from services.provisioner.application.workers.context import LeasedPod, PodLease, WorkerContext, leased
from services.provisioner.domain.attempts import takes_on_demand
from services.provisioner.domain.model import Job, Pod
from services.provisioner.domain.tier_change import Verdict, judge_on_demand, no_spot, spending
from services.provisioner.ports import ProviderError, TierNotOffered, TierSoldOut

_log = structlog.get_logger(__name__)

_LOST_PATIENCE = "spot machines were lost or did not come up, again and again"


@dataclass(frozen=True)
class Refused:
    """The dearer tier is not taken. `error` is the provider's, with the reason in place of its own words."""

    error: ProviderError


class OtherTier:
    def __init__(self, context: WorkerContext) -> None:
        self._context = context

    async def price_after(self, error: Exception, job: Job, pod: Pod) -> Price | None:
        """What on demand costs now, where it matters. Asked with no transaction open."""
        may_change = job.spec is not None and job.spec.pricing_tier is PricingTier.AUTO
        return await self._price(pod) if may_change and isinstance(error, TierSoldOut | TierNotOffered) else None

    async def _price(self, pod: Pod) -> Price | None:
        try:
            async with asyncio.timeout(self._context.call_timeout_s):
                found = await self._context.provider.prices(pod.gpu_type)
        except (ProviderError, TimeoutError) as problem:
            _log.warning("prices_unreadable", pod=pod.pod_name, error=str(problem)[:300])
            return None
        return next((price for price in found if price.pricing_tier is PricingTier.ON_DEMAND), None)

    async def take(self, current: LeasedPod, error: Exception, price: Price | None) -> bool | Refused:
        """Whether the pod now asks on demand. False: spot is asked for again, or the tier does not matter."""
        job, pod = current.job, current.pod
        if job.spec is None or not isinstance(error, TierSoldOut | TierNotOffered):
            return False
        retry, offers = self._context.policy.retry, pod.failed_offers + 1
        if isinstance(error, TierNotOffered):
            offers = max(offers, retry.spot_offers)
        await pods.change(current.tx, pod.pod_name, failed_offers=offers)
        if not takes_on_demand(job.spec.pricing_tier, pod, retry, failed_offers=offers, now=current.now):
            return False
        waited_s = (current.now - (pod.waiting_since or pod.creating_since or current.now)).total_seconds()
        why = no_spot(offers, waited_s, sold=isinstance(error, TierSoldOut))
        verdict = await self._judge(current, why, price)
        if not verdict.allowed:
            return await self._refuse(current, verdict, error)
        _log.info("spot_given_up", pod=pod.pod_name, failed_offers=offers, error=str(error)[:300])
        await self._change(current, PricingTier.ON_DEMAND, verdict.words)
        return True

    async def sends_back(self, lease: PodLease, job: Job) -> bool:
        """A pod that asks on demand because spot was lost too often: it asks for spot again when on demand is beyond
        the ceiling."""
        pod = lease.pod
        by_patience = job.spec is not None and job.spec.pricing_tier is PricingTier.AUTO and not pod.failed_offers
        if not by_patience or pod.pricing_tier is not PricingTier.ON_DEMAND or pod.create_asked_at is not None:
            return False
        price = await self._price(pod)
        async with leased(self._context, lease) as current:
            if current is None:
                return True
            verdict = await self._judge(current, _LOST_PATIENCE, price)
            if not verdict.allowed:
                await self._change(current, PricingTier.SPOT, f"{verdict.words}: spot again")
            return not verdict.allowed

    async def _judge(self, current: LeasedPod, why: str, price: Price | None) -> Verdict:
        assert current.job.spec is not None
        spent = spending(await pods.pods_of(current.tx, current.job.job_id), current.now)
        return judge_on_demand(why, current.job.spec, spent, price)

    async def _refuse(self, current: LeasedPod, verdict: Verdict, error: ProviderError) -> Refused:
        """Said once in the job's log; the pod's reason says it as long as it waits."""
        if "above its ceiling" not in current.pod.reason:
            await pod_events.publish_requested(current.tx, current.job, current.pod, verdict.words)
        _log.info("on_demand_beyond_ceiling", pod=current.pod.pod_name, reason=verdict.words)
        return Refused(type(error)(verdict.words))

    async def _change(self, current: LeasedPod, tier: PricingTier, words: str) -> None:
        await pod_events.publish_requested(
            current.tx, current.job, replace(current.pod, pricing_tier=tier), words)
        await current.release(
            pricing_tier=tier, create_asked_at=None, waiting_since=None, told_ahead=None, reason=words)
