"""What cost_guard needs from outside."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from contracts.gpus import GpuType
from contracts.rpc.pods import Machine, Price


class MachineList(Protocol):
    def existing_since(self, moment: datetime) -> AsyncIterator[tuple[Machine, ...]]:
        """Every machine that existed at or after this moment, with the provider's times, in pages."""
        ...


class PriceList(Protocol):
    async def prices(self, gpu_type: GpuType) -> tuple[Price, ...]:
        """What machines of this type cost now, at most one for each tier. None: nobody tells; it never raises."""
        ...
