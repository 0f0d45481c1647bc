"""What every provider promises. An adapter's test class inherits it and gives a `provider`."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import ComputeProvider, Machine, MachineState, PodRequest


def new_name() -> str:
    return pod_name(uuid4(), 1)


def request_for(
    name: str, *, gpu_type: GpuType = GpuType.LOCAL, tier: PricingTier = PricingTier.SPOT, **environment: str
) -> PodRequest:
    return PodRequest(name, gpu_type, tier, environment)


async def gone(provider: ComputeProvider, name: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while await provider.describe(name) is not None:
        assert time.monotonic() < deadline, f"{name} is still there"
        await provider.terminate(name)
        await asyncio.sleep(0.05)


async def until(provider: ComputeProvider, name: str, state: MachineState, within_s: float = 60.0) -> Machine:
    deadline = time.monotonic() + within_s
    while (machine := await provider.describe(name)) is None or machine.state is not state:
        assert time.monotonic() < deadline, f"{name} is {machine}"
        await asyncio.sleep(0.02)
    return machine


class ProviderSuite:
    """`gpu_type` and `tier` are what the adapter can provide; `up_within_s` how long a machine may take to come up."""

    gpu_type, tier, up_within_s = GpuType.LOCAL, PricingTier.SPOT, 20.0
    # How far the provider's list may lag behind.
    list_lag_s = 0.0

    def request(self, name: str) -> PodRequest:
        return request_for(name, gpu_type=self.gpu_type, tier=self.tier)

    async def listed(self, provider: ComputeProvider, name: str, *, times: int) -> None:
        deadline = time.monotonic() + self.list_lag_s
        while (found := [machine.name for machine in await provider.list()].count(name)) != times:
            assert time.monotonic() < deadline, f"{name} is listed {found} times"
            await asyncio.sleep(0.05)

    @pytest.fixture
    def provider(self) -> ComputeProvider:
        raise NotImplementedError  # each adapter's own

    async def test_a_created_machine_is_described_and_listed(self, provider: ComputeProvider) -> None:
        name = new_name()
        created = await provider.create(self.request(name))
        assert created.name == name
        assert created.provider_pod_id
        machine = await until(provider, name, MachineState.RUNNING, self.up_within_s)
        assert machine.running_since is not None
        await self.listed(provider, name, times=1)
        await gone(provider, name)

    async def test_a_repeated_create_finds_what_exists(self, provider: ComputeProvider) -> None:
        name = new_name()
        first = await provider.create(self.request(name))
        again = await provider.create(self.request(name))
        assert again.provider_pod_id == first.provider_pod_id
        await until(provider, name, MachineState.RUNNING, self.up_within_s)
        await self.listed(provider, name, times=1)
        await gone(provider, name)

    async def test_creates_at_the_same_time_make_one_machine(self, provider: ComputeProvider) -> None:
        name = new_name()
        made = await asyncio.gather(*(provider.create(self.request(name)) for _ in range(4)))
        assert len({machine.provider_pod_id for machine in made}) == 1
        await until(provider, name, MachineState.RUNNING, self.up_within_s)
        await self.listed(provider, name, times=1)
        await gone(provider, name)

    async def test_what_was_never_created_is_gone(self, provider: ComputeProvider) -> None:
        name = new_name()
        assert await provider.describe(name) is None
        await provider.terminate(name)

    async def test_a_terminated_machine_vanishes_from_description_and_list(self, provider: ComputeProvider) -> None:
        name = new_name()
        await provider.create(self.request(name))
        await until(provider, name, MachineState.RUNNING, self.up_within_s)
        await gone(provider, name)
        await provider.terminate(name)
        await self.listed(provider, name, times=0)

    async def test_machines_do_not_disturb_each_other(self, provider: ComputeProvider) -> None:
        one, other = new_name(), new_name()
        await provider.create(self.request(one))
        await provider.create(self.request(other))
        await gone(provider, one)
        assert (await until(provider, other, MachineState.RUNNING, self.up_within_s)).name == other
        await gone(provider, other)

    async def test_a_change_is_announced(self, provider: ComputeProvider) -> None:
        name = new_name()
        await provider.create(self.request(name))
        changes = provider.changes()
        async with asyncio.timeout(10):
            while await anext(changes) != name:
                pass
        await gone(provider, name)

    async def test_times_are_told_and_outlive_the_machine_where_it_is_remembered(
        self, provider: ComputeProvider
    ) -> None:
        name = new_name()
        assert await provider.lifetime(name) is None
        await provider.create(self.request(name))
        machine = await until(provider, name, MachineState.RUNNING, self.up_within_s)
        assert machine.created_at is not None
        assert machine.running_since is not None
        assert machine.created_at <= machine.running_since
        during = await provider.lifetime(name)
        assert during is not None
        assert (during.began_at, during.ended_at) == (machine.created_at, None)
        await gone(provider, name)
        after = await provider.lifetime(name)
        assert after is None or (after.began_at == during.began_at
                                 and (after.ended_at is None or after.ended_at >= after.began_at))

    async def test_an_unknown_log_is_empty(self, provider: ComputeProvider) -> None:
        assert await provider.read_log(new_name(), 0, 100) == (b"", True)

    async def test_prices_are_told_once_for_a_tier_or_not_at_all(self, provider: ComputeProvider) -> None:
        listed = await provider.prices(self.gpu_type)
        assert len({price.pricing_tier for price in listed}) == len(listed)
        name = new_name()
        await provider.create(self.request(name))
        machine = await until(provider, name, MachineState.RUNNING, self.up_within_s)
        assert (machine.price.rate_micro_usd_per_hour is None) == (not listed)
        assert bool(machine.price.gpu_model) == bool(listed)
        await gone(provider, name)
        assert [*provider.take_losses()] == []

    async def test_capacity_is_available(self, provider: ComputeProvider) -> None:
        assert (await provider.capacity(self.gpu_type, self.tier)).available
