"""A provider whose list and descriptions lag: what was made is not shown yet, what has ended still is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.ports import Capacity, ComputeProvider, Lifetime, Machine, PodRequest


class LaggingProvider:
    def __init__(
        self, provider: ComputeProvider, lag_s: float, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.name = provider.name
        self._provider, self._now, self._lag = provider, now, timedelta(seconds=lag_s)
        self._seen: dict[str, Machine] = {}
        self._there: set[str] = set()
        self._changed_at: dict[str, datetime] = {}

    async def create(self, request: PodRequest) -> Machine:
        await self._look()
        machine = await self._provider.create(request)
        await self._look()
        return machine

    async def terminate(self, name: str) -> None:
        await self._look()
        await self._provider.terminate(name)
        await self._look()

    async def describe(self, name: str) -> Machine | None:
        return next((machine for machine in await self.list() if machine.name == name), None)

    async def list(self) -> list[Machine]:
        there = await self._look()
        fresh = {name for name, at in self._changed_at.items() if self._now() < at + self._lag}
        shown = [machine for machine in there.values() if machine.name not in fresh]
        return shown + [machine for name, machine in self._seen.items() if name in fresh and name not in there]

    async def lifetime(self, name: str) -> Lifetime | None:
        return await self._provider.lifetime(name)

    async def capacity(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Capacity:
        return await self._provider.capacity(gpu_type, pricing_tier)

    async def prices(self, gpu_type: GpuType) -> Sequence[Price]:
        return await self._provider.prices(gpu_type)

    def take_losses(self) -> Sequence[int]:
        return self._provider.take_losses()

    async def read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        return await self._provider.read_log(name, offset, max_bytes)

    def changes(self) -> AsyncIterator[str]:
        return self._provider.changes()

    async def _look(self) -> dict[str, Machine]:
        """What there is now; notes what has come or gone since the last look."""
        there = {machine.name: machine for machine in await self._provider.list()}
        for name in set(there) ^ self._there:
            self._changed_at[name] = self._now()
        self._seen |= there
        self._there = set(there)
        return there
