"""The provisioner's list of machines and its provider's prices, asked for by request/reply."""

from collections.abc import AsyncIterator
from datetime import datetime

import structlog
from cachetools import TTLCache

from chassis.clock import Clock
from chassis.messaging.bus import Bus
from chassis.problems import ProblemError
from contracts.gpus import GpuType
from contracts.rpc.pods import MACHINES, PRICES, Machine, MachinesQuery, Price, PricesQuery

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 10.0
# Who asks for an estimate waits for it; without an answer the configured rate serves.
_PRICES_TIMEOUT_S = 0.7
_PRICES_KEPT_S = 60.0
_SILENCE_KEPT_S = 10.0


class ProvisionerMachines:
    """`ports.MachineList`. Raises ServiceUnavailable without an answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def existing_since(self, moment: datetime) -> AsyncIterator[tuple[Machine, ...]]:
        after: str | None = ""
        while after is not None:
            query = MachinesQuery(since=moment, after=after)
            page = await self._bus.request(MACHINES, query, timeout_s=_TIMEOUT_S)
            yield page.machines
            after = page.next_after


class ProvisionerPrices:
    """`ports.PriceList`. Prices are a minute old at most; after a silence nobody is asked for ten seconds."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._known: TTLCache[GpuType, tuple[Price, ...]] = TTLCache(
            len(GpuType), _PRICES_KEPT_S, timer=clock.monotonic)
        self._silent: TTLCache[GpuType, bool] = TTLCache(len(GpuType), _SILENCE_KEPT_S, timer=clock.monotonic)

    async def prices(self, gpu_type: GpuType) -> tuple[Price, ...]:
        if (known := self._known.get(gpu_type)) is not None:
            return known
        if gpu_type in self._silent:
            return ()
        try:
            reply = await self._bus.request(PRICES, PricesQuery(gpu_type=gpu_type), timeout_s=_PRICES_TIMEOUT_S)
        except ProblemError as error:
            _log.warning("no_prices", gpu_type=gpu_type.value, error=error.detail)
            self._silent[gpu_type] = True
            return ()
        self._known[gpu_type] = reply.prices
        return reply.prices
