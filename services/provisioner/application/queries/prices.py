"""What machines would cost now: what estimates are made with."""

import structlog

from contracts.rpc.pods import Prices, PricesQuery
from services.provisioner.ports import ComputeProvider, ProviderError

_log = structlog.get_logger(__name__)


async def prices(provider: ComputeProvider, asked: PricesQuery) -> Prices:
    """None where the provider has no price list, or does not show it just now."""
    try:
        found = await provider.prices(asked.gpu_type)
    except ProviderError as error:
        _log.warning("prices_unreadable", gpu_type=asked.gpu_type.value, error=str(error))
        found = ()
    return Prices(provider=provider.name, prices=tuple(found))
