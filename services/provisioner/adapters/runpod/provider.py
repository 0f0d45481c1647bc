"""Provider `runpod` behind the port of every provider."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import httpx
import structlog
from cachetools import TTLCache

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.adapters.exchange import Unavailable
from services.provisioner.adapters.runpod.catalog import Catalog
from services.provisioner.adapters.runpod.client import RunPodClient
from services.provisioner.adapters.runpod.configuration import CARDS, Configuration
from services.provisioner.adapters.runpod.documents import GpuOrder, MountsOrder, NetworkMount, Pod, PodGpu, PodOrder
from services.provisioner.adapters.runpod.errors import BrokenRule, Forbidden, NotFound
from services.provisioner.adapters.runpod.http import Http
from services.provisioner.adapters.runpod.inventory import EXITED, Inventory
from services.provisioner.adapters.runpod.logs import read_log
from services.provisioner.adapters.runpod.offers import (
    Offer,
    cheapest_token_first,
    first_on_the_price_list,
    offers,
    one_place_each,
)
from services.provisioner.adapters.runpod.spot import SpotMarket
from services.provisioner.domain.prices import MachinePrice, micro_usd_per_hour
from services.provisioner.ports import (
    Capacity,
    Lifetime,
    Machine,
    MachineState,
    NoCapacity,
    PodRequest,
    ProviderError,
    RequestRefused,
    TierNotOffered,
    TierSoldOut,
)

_log = structlog.get_logger(__name__)

# A status that is not known here is of a machine that exists: neither up nor ended.
_STATES = {"RUNNING": MachineState.RUNNING} | dict.fromkeys(EXITED, MachineState.EXITED)


_PRICES_KEPT_S = 60.0


class RunPodProvider:
    """A request for `spot` is met by the spot market, any other on demand. RunPod tells no exit codes."""

    name = "runpod"

    def __init__(self, configuration: Configuration, transport: httpx.AsyncBaseTransport | None = None) -> None:
        http = Http(configuration, transport)
        self._configuration = configuration
        self._client, self._spot = RunPodClient(http), SpotMarket(http.apart(), configuration)
        self._catalog = Catalog(self._client, configuration)
        self._inventory = Inventory(self._client, configuration)
        self._listed: TTLCache[GpuType, Sequence[Price]] = TTLCache(len(GpuType), _PRICES_KEPT_S)
        self._creating: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, request: PodRequest) -> Machine:
        lock = self._creating.setdefault(request.name, asyncio.Lock())
        async with lock:
            if (pod := await self._inventory.find(request.name, fresh=True)) is not None:
                return self._machine(request.name, pod)
            if (ended := self._ended(request.name)) is not None:
                return ended  # a late create must not run an attempt twice
            self._inventory.check_doubt(request.name)
            try:
                return self._machine(request.name, await self._first_that_is_placed(request))
            except NoCapacity as error:
                raise TierSoldOut(str(error)) if request.pricing_tier is PricingTier.SPOT else error from None

    async def describe(self, name: str) -> Machine | None:
        pod = await self._inventory.find(name)
        return None if pod is None else self._machine(name, pod)

    async def terminate(self, name: str) -> None:
        await self._inventory.delete(name)

    async def list(self) -> list[Machine]:
        return [self._machine(name, pod) for name, pod in (await self._inventory.pods()).items()]

    async def lifetime(self, name: str) -> Lifetime | None:
        await self._inventory.find(name)
        return self._inventory.lifetime(name)

    async def capacity(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Capacity:
        try:
            if pricing_tier is PricingTier.SPOT:
                self._spot.check()
            found = await self._offers(gpu_type)
        except (TierNotOffered, NoCapacity) as error:
            return Capacity(False, str(error))
        return Capacity(True, f"{found[0].gpu_id} first")

    async def prices(self, gpu_type: GpuType) -> Sequence[Price]:
        """From the catalogue, whether or not one is free just now; a minute old at most."""
        if (known := self._listed.get(gpu_type)) is not None:
            return known
        if found := await self._read_prices(gpu_type):
            self._listed[gpu_type] = found
        return found

    async def _read_prices(self, gpu_type: GpuType) -> Sequence[Price]:
        offer = first_on_the_price_list(self._configuration, gpu_type, await self._catalog.gpus())
        if offer is None or (on_demand := micro_usd_per_hour(offer.usd_per_hour)) is None:
            return ()
        listed = self._offered(PricingTier.ON_DEMAND, offer, on_demand)
        return (listed, *await self._spot_price(gpu_type))

    def _offered(self, tier: PricingTier, offer: Offer, rate: int) -> Price:
        return Price(pricing_tier=tier, gpu_model=offer.gpu_id, micro_usd_per_hour=rate,
                     relative_speed=self._configuration.speeds[offer.gpu_id])

    def take_losses(self) -> Sequence[int]:
        return self._inventory.take_losses()

    async def read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        pod = await self._inventory.find(name)
        if pod is None:
            return b"", True
        try:
            text = await read_log(self._client, pod.id, pod.created_at, offset, max_bytes)
        except NotFound:
            return b"", True
        return text, len(text) < max_bytes and _state(pod) is MachineState.EXITED

    async def changes(self) -> AsyncIterator[str]:
        known: dict[str, tuple[str, str]] = {}
        while True:
            try:
                pods = await self._inventory.pods()
            except ProviderError as error:
                _log.warning("runpod_list_unreadable", error=str(error))
            else:
                current = {name: (pod.id, pod.status) for name, pod in pods.items()}
                for name in {*known, *current}:
                    if known.get(name) != current.get(name):
                        yield name
                known = current
            await asyncio.sleep(self._configuration.look_every_s)

    async def _first_that_is_placed(self, request: PodRequest) -> Pod:
        """The candidates in their order. Raises what all their refusals amount to."""
        candidates, refusals = await self._candidates(request)
        for offer, bid in candidates:
            try:
                return await self._placed(request, offer, bid)
            except (NoCapacity, BrokenRule, Forbidden) as error:
                _log.info("runpod_offer_failed", pod=request.name, gpu=offer.gpu_id, places=offer.data_centers,
                          tier=request.pricing_tier.value, reason=str(error))
                refusals.append(error)
        self._catalog.forget()
        raise _verdict(refusals)

    async def _candidates(
        self, request: PodRequest
    ) -> tuple[Sequence[tuple[Offer, float | None]], builtins.list[ProviderError]]:
        """With the bid for each spot machine: the cheapest token first, in either market; and what was refused."""
        if request.pricing_tier is not PricingTier.SPOT:
            return [(offer, None) for offer in await self._offers(request.gpu_type)], []
        self._spot.check()
        priced, without = await self._spot.bids(await self._offers(request.gpu_type))
        ranked = cheapest_token_first(self._configuration, priced)
        return [(place, bid) for offer, bid in ranked for place in one_place_each([offer])], [*without]

    async def _spot_price(self, gpu_type: GpuType) -> Sequence[Price]:
        try:
            self._spot.check()
            found = offers(self._configuration, gpu_type, await self._catalog.gpus())
            priced, _ = await self._spot.bids([offer for offer in found if offer.volume_id is None])
        except ProviderError:
            return ()
        return [self._offered(PricingTier.SPOT, offer, price)
                for offer, bid in cheapest_token_first(self._configuration, priced)[:1]
                if (price := micro_usd_per_hour(bid)) is not None]

    async def _placed(self, request: PodRequest, offer: Offer, bid: float | None) -> Pod:
        """One candidate. What is not refused leaves a doubt: a second create waits until the list must know."""
        self._inventory.doubt(request.name)
        try:
            pod = await (self._order(request, offer) if bid is None else self._rent(request, offer, bid))
        except Unavailable:
            return await self._look_for(request.name)
        except ProviderError:
            self._inventory.no_doubt(request.name)
            raise
        return pod

    async def _look_for(self, name: str) -> Pod:
        """A create was not answered: the machine may be there. Raises Unavailable when it is not seen."""
        for _ in range(self._configuration.doubt_looks):
            if (pod := await self._inventory.find(name, fresh=True)) is not None:
                return pod
            await asyncio.sleep(self._configuration.doubt_pause_s)
        raise Unavailable("RunPod did not answer the create, and its list does not show the machine yet")

    async def _order(self, request: PodRequest, offer: Offer) -> Pod:
        configuration = self._configuration
        volume = [NetworkMount(volume_id=offer.volume_id, path=configuration.volume_path)] if offer.volume_id else None
        pod = await self._client.create_pod(PodOrder(
            name=self._provider_name(request), image=configuration.image, cloud=configuration.cloud,
            gpu=GpuOrder(id=offer.gpu_id, min_cuda_version=configuration.min_cuda or None),
            disk=configuration.disk_gb, env=self._environment(request), registry=configuration.registry or None,
            data_center_ids=list(offer.data_centers) or None, mounts=MountsOrder(network=volume) if volume else None))
        self._inventory.add(request.name, pod.id, pod.created_at, pod.cost or offer.usd_per_hour)
        return pod

    async def _rent(self, request: PodRequest, offer: Offer, bid: float) -> Pod:
        name, environment = self._provider_name(request), self._environment(request)
        pod_id = await self._spot.rent(name, offer, bid, environment)
        made = Pod(id=pod_id, name=name, status="PROVISIONING", created_at=datetime.now(UTC),
                   gpu=PodGpu(id=offer.gpu_id))
        self._inventory.add(request.name, pod_id, made.created_at, bid)
        with suppress(ProviderError):
            return await self._inventory.find(request.name, fresh=True) or made
        return made

    async def _offers(self, gpu_type: GpuType) -> Sequence[Offer]:
        if gpu_type not in CARDS:
            raise RequestRefused(f"RunPod has no machine of type {gpu_type.value}")
        found = offers(self._configuration, gpu_type, await self._catalog.gpus())
        if not found:
            self._catalog.forget()
            raise NoCapacity("RunPod's catalogue shows none of the wanted cards free at the allowed price")
        return found

    def _environment(self, request: PodRequest) -> dict[str, str]:
        """With `BRIGHTRUN_RUNPOD_URL` a pod that nobody answers any more can ask for its own end."""
        return {"BRIGHTRUN_RUNPOD_URL": self._configuration.url, **self._configuration.environment,
                **request.environment}

    def _provider_name(self, request: PodRequest) -> str:
        return f"{self._configuration.prefix}{request.name}"

    def _machine(self, name: str, pod: Pod) -> Machine:
        """RunPod bills from the creation on, while the image is pulled too."""
        state = _state(pod)
        ran = pod.started_at is not None or state is MachineState.RUNNING
        return Machine(name, pod.id, state, pod.created_at, pod.created_at if ran else None, price=self._price(pod),
                       reason=f"RunPod says {pod.status}" if state is MachineState.EXITED else "")

    def _price(self, pod: Pod) -> MachinePrice:
        card = pod.gpu.id if pod.gpu else ""
        return MachinePrice(card, micro_usd_per_hour(pod.cost or self._inventory.usd_per_hour(pod.id)),
                            micro_usd_per_hour(self._catalog.known_usd(card)))

    def _ended(self, name: str) -> Machine | None:
        life = self._inventory.lifetime(name)
        if life is None or life.ended_at is None:
            return None
        return Machine(name, name, MachineState.EXITED, life.began_at, exited_at=life.ended_at, reason="it has ended")


def _verdict(refusals: list[ProviderError]) -> ProviderError:
    """Capacity may come back. If every candidate breaks a rule, the request does: no candidate will do."""
    for kind in (NoCapacity, BrokenRule):
        if found := [error for error in refusals if isinstance(error, kind)]:
            return found[-1]
    return refusals[-1]


def _state(pod: Pod) -> MachineState:
    return _STATES.get(pod.status, MachineState.STARTING)
