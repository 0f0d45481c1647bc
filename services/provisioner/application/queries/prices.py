"""What machines would cost now: what estimates are made with."""

import structlog
from cachetools import TTLCache

from chassis.clock import Clock
from contracts.gpus import GpuType
from contracts.rpc.pods import Price, Prices, PricesQuery
from services.provisioner.ports import ComputeProvider, ProviderError

_log = structlog.get_logger(__name__)

_KEPT_S = 60.0


class PriceList:
    """The provider's prices, asked for once a minute at most."""

    def __init__(self, provider: ComputeProvider, clock: Clock) -> None:
        self._provider = provider
        self._known: TTLCache[GpuType, tuple[Price, ...]] = TTLCache(len(GpuType), _KEPT_S, timer=clock.monotonic)

    async def answer(self, asked: PricesQuery) -> Prices:
        """None where the provider has no price list, or does not show it just now."""
        found = self._known.get(asked.gpu_type)
        if found is None:
            found = self._known[asked.gpu_type] = await self._read(asked.gpu_type)
        return Prices(provider=self._provider.name, prices=found)

    async def _read(self, gpu_type: GpuType) -> tuple[Price, ...]:
        try:
            return tuple(await self._provider.prices(gpu_type))
        except ProviderError as error:
            _log.warning("prices_unreadable", gpu_type=gpu_type.value, error=str(error))
            return ()
