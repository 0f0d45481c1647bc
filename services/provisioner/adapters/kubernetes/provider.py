"""Provider `kubernetes` behind the port of every provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

import structlog

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.adapters.exchange import Unavailable
from services.provisioner.adapters.kubernetes.client import KubernetesClient
from services.provisioner.adapters.kubernetes.configuration import Configuration, Place
from services.provisioner.adapters.kubernetes.documents import Job
from services.provisioner.adapters.kubernetes.errors import (
    AlreadyExists,
    Conflict,
    InvalidRequest,
    NoNamespace,
    NotFound,
)
from services.provisioner.adapters.kubernetes.http import Http
from services.provisioner.adapters.kubernetes.inventory import Held, Inventory
from services.provisioner.adapters.kubernetes.manifests import CONTAINER, job_order, secret_order
from services.provisioner.adapters.kubernetes.sightings import Phase, newest
from services.provisioner.ports import (
    AskLater,
    Capacity,
    Lifetime,
    Machine,
    NoCapacity,
    PodRequest,
    ProviderError,
    TierSoldOut,
)

_log = structlog.get_logger(__name__)

_ASK_AGAIN_S = 15.0
_REMOVAL_S = 2.0
_TIERS = (PricingTier.ON_DEMAND, PricingTier.SPOT)


class KubernetesProvider:
    """One Job for each attempt; the name is taken once. A node is held from the moment it took the pod."""

    name = "kubernetes"

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._client = KubernetesClient(Http(configuration), configuration.namespace)
        self._inventory = Inventory(self._client, configuration)
        self._creating: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, request: PodRequest) -> Machine:
        """Raises AskLater while the cluster looks for a node, NoCapacity when it has looked for long enough."""
        place = self._configuration.place(request.gpu_type, request.pricing_tier)
        lock = self._creating.setdefault(request.name, asyncio.Lock())
        async with lock:
            held = await self._inventory.find(request.name, fresh=True)
            if held is None and (ended := self._inventory.ended(request.name)) is not None:
                return ended  # a late create must not run an attempt twice
            if held is None:
                await self._make(request, place)
            elif held.job is not None and held.job.spec.suspend and not held.is_ending:
                await self._begin(request, held.job)
            self._inventory.forget_list()
            return await self._placed(request)

    async def describe(self, name: str) -> Machine | None:
        held = await self._inventory.find(name)
        return None if held is None or held.is_withdrawn else self._inventory.machine(held)

    async def terminate(self, name: str) -> None:
        held = await self._inventory.find(name, fresh=True)
        if held is not None:
            await self._delete(held)

    async def list(self) -> list[Machine]:
        held = (await self._inventory.all()).values()
        return [self._inventory.machine(one) for one in held if not one.is_withdrawn]

    async def lifetime(self, name: str) -> Lifetime | None:
        await self._inventory.find(name)
        return self._inventory.lifetime(name)

    async def capacity(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Capacity:
        """Whether there are such nodes at all: whether one is free the scheduler finds out."""
        try:
            self._configuration.place(gpu_type, pricing_tier)
        except ProviderError as error:
            return Capacity(False, str(error))
        return Capacity(True)

    async def prices(self, gpu_type: GpuType) -> Sequence[Price]:
        """As configured; nothing where no price is."""
        return [Price(pricing_tier=place.pricing_tier, gpu_model=place.price.gpu_model, micro_usd_per_hour=rate,
                      relative_speed=place.nodes.relative_speed)
                for place in self._places(gpu_type) if (rate := place.price.rate_micro_usd_per_hour) is not None]

    def take_losses(self) -> Sequence[int]:
        return ()  # a name is for one Job

    async def read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        """Of a container that never began: why not."""
        held = await self._inventory.find(name)
        if held is None:
            return b"", True
        pod = newest([*held.pods])
        if pod is not None and held.seen.phase is not Phase.UNPLACED:
            with suppress(InvalidRequest, NotFound):
                text = await self._client.read_log(pod.metadata.name, CONTAINER, offset + max_bytes)
                text = text[offset:]
                return text, len(text) < max_bytes and held.seen.phase is Phase.EXITED
        words = (await self._why(held)).encode() + b"\n"
        return words[offset:offset + max_bytes], held.seen.phase is Phase.EXITED

    async def changes(self) -> AsyncIterator[str]:
        known: dict[str, tuple[str, Phase, bool]] = {}
        while True:
            try:
                held = await self._inventory.all()
            except ProviderError as error:
                _log.warning("kubernetes_list_unreadable", error=str(error))
            else:
                current = {name: (one.id, one.seen.phase, one.is_ending) for name, one in held.items()}
                for name in {*known, *current}:
                    if known.get(name) != current.get(name):
                        yield name
                known = current
            await asyncio.sleep(self._configuration.look_every_s)

    def _places(self, gpu_type: GpuType) -> Sequence[Place]:
        found = []
        for tier in _TIERS:
            with suppress(ProviderError):
                found.append(self._configuration.place(gpu_type, tier))
        return found

    async def _make(self, request: PodRequest, place: Place) -> None:
        """The Job waits for its Secret: no pod is ever without one, and none is left over without its Job."""
        try:
            job = await self._client.create_job(job_order(self._configuration, request, place))
        except AlreadyExists:
            return  # by somebody else just now, or by a request of ours that was not answered
        except NotFound as error:
            raise NoNamespace(f"{error}; make the namespace {self._configuration.namespace}") from None
        await self._begin(request, job)

    async def _begin(self, request: PodRequest, job: Job) -> None:
        with suppress(AlreadyExists):
            await self._client.create_secret(secret_order(self._configuration, request, job.metadata))
        await self._client.resume_job(job.metadata.name)

    async def _placed(self, request: PodRequest) -> Machine:
        """The machine once a node has taken it."""
        deadline = asyncio.get_running_loop().time() + self._configuration.placement_look_s
        while True:
            held = await self._inventory.find(request.name, fresh=True)
            if held is None:
                raise Unavailable(f"{request.name}: this Job was removed just now, or is another installation's")
            if held.seen.phase is not Phase.UNPLACED:
                return self._inventory.machine(held)
            if held.job is not None and held.job.spec.suspend and not held.is_ending:
                await self._begin(request, held.job)
            if asyncio.get_running_loop().time() >= deadline:
                return await self._not_placed(request, held)
            await asyncio.sleep(self._configuration.placement_pause_s)

    async def _not_placed(self, request: PodRequest, held: Held) -> Machine:
        if held.is_ending:
            raise AskLater("the Job that had this name is still being removed", _REMOVAL_S)
        why = await self._why(held)
        since = (held.job or held.pods[0]).metadata.creation_timestamp
        left_s = self._configuration.schedule_wait_s - (held.at - since).total_seconds()
        if left_s > 0:
            raise AskLater(f"no node of the cluster has taken it yet: {why}", min(_ASK_AGAIN_S, left_s))
        await self._delete(held)
        late = await self._inventory.find(request.name, fresh=True)
        if late is not None and late.seen.phase is not Phase.UNPLACED:
            return self._inventory.machine(late)
        words = f"no node of the cluster is free for it: {why}"
        raise TierSoldOut(words) if request.pricing_tier is PricingTier.SPOT else NoCapacity(words)

    async def _why(self, held: Held) -> str:
        """The scheduler's words; where there is no pod, what stands in the way of one (a quota, a policy)."""
        if held.pods or held.job is None:
            return held.seen.words or "it is being started"
        told = [one.message for one in await self._client.happenings(held.job.metadata.uid) if one.message]
        return told[-1] if told else held.seen.words

    async def _delete(self, held: Held) -> None:
        """Raises ProviderError when it may go on."""
        self._inventory.forget_list()
        if held.is_ending:
            return
        with suppress(Conflict):  # it is another one by now
            if held.job is not None:
                await self._client.delete_job(held.name, held.job.metadata.uid)
                return
            for pod in held.pods:
                await self._client.delete_pod(pod.metadata.name, pod.metadata.uid)
