"""What machines at RunPod are and cost, told by the pod itself, the catalogue and the bid."""

from __future__ import annotations

import asyncio

import pytest

from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.runpod.provider import RunPodProvider
from services.provisioner.domain.prices import MachinePrice
from services.provisioner.ports import MachineState
from tests.fake_runpod.catalog import NVL, SXM
from tests.fake_runpod.server import FakeRunPod
from tests.services.provisioner.provider_suite import gone, new_name, request_for, until
from tests.services.provisioner.runpod_provider import configuration_for

H100 = GpuType.H100_PCIE_80GB


async def made(runpod: FakeRunPod, tier: PricingTier) -> tuple[RunPodProvider, str]:
    provider, name = RunPodProvider(configuration_for(runpod)), new_name()
    await provider.create(request_for(name, gpu_type=H100, tier=tier))
    await until(provider, name, MachineState.RUNNING)
    return provider, name


async def price(provider: RunPodProvider, name: str) -> MachinePrice:
    machine = await provider.describe(name)
    assert machine is not None
    return machine.price


@pytest.mark.parametrize(("tier", "micro_usd"), [(PricingTier.ON_DEMAND, 3_490_000), (PricingTier.SPOT, 1_925_000)])
async def test_a_machine_tells_its_card_and_its_price(runpod: FakeRunPod, tier: PricingTier, micro_usd: int) -> None:
    provider, name = await made(runpod, tier)
    assert await price(provider, name) == MachinePrice(SXM, micro_usd, 3_490_000)


async def test_a_machine_that_has_ended_keeps_its_price(runpod: FakeRunPod) -> None:
    provider, name = await made(runpod, PricingTier.SPOT)
    (pod,) = runpod.account.named(f"brightrun-{name}")
    await runpod.account.reclaim(pod.id, 0)
    await until(provider, name, MachineState.EXITED)
    assert (await price(provider, name)).rate_micro_usd_per_hour == 1_925_000


async def test_a_machine_costs_from_its_creation_until_it_was_seen_to_have_ended(runpod: FakeRunPod) -> None:
    """RunPod bills while the image is pulled, and not after the end of the container, though the pod exists."""
    runpod.account.options.starting_s = 0.3
    provider, name = await made(runpod, PricingTier.ON_DEMAND)
    (pod,) = runpod.account.named(f"brightrun-{name}")
    runpod.account.advance(600)
    await runpod.account.reclaim(pod.id, 0)
    await until(provider, name, MachineState.EXITED)
    runpod.account.advance(3600)
    await gone(provider, name)
    life = await provider.lifetime(name)
    assert life is not None
    assert life.began_at == pod.created_at
    assert life.ended_at is not None
    assert abs((life.ended_at - pod.ended_at).total_seconds()) <= 2


async def test_the_price_list_has_the_cheapest_token_of_each_tier(runpod: FakeRunPod) -> None:
    provider = RunPodProvider(configuration_for(runpod))
    runpod.account.gpus[SXM].spot_usd = 3.0
    listed = {found.pricing_tier: found for found in await provider.prices(H100)}
    assert (listed[PricingTier.ON_DEMAND].gpu_model, listed[PricingTier.ON_DEMAND].micro_usd_per_hour) == (
        SXM, 3_490_000)
    assert (listed[PricingTier.SPOT].gpu_model, listed[PricingTier.SPOT].micro_usd_per_hour) == (NVL, 1_760_000)
    assert {tier: price.relative_speed for tier, price in listed.items()} == {
        PricingTier.ON_DEMAND: configuration_for(runpod).speeds[SXM],
        PricingTier.SPOT: configuration_for(runpod).speeds[NVL]}


async def test_the_price_list_is_there_when_all_is_sold_out_and_has_no_spot_when_spot_is_off(
    runpod: FakeRunPod,
) -> None:
    provider = RunPodProvider(configuration_for(runpod, spot=False))
    for gpu in runpod.account.gpus.values():
        gpu.free = dict.fromkeys(gpu.free, 0)
    assert [found.pricing_tier for found in await provider.prices(H100)] == [PricingTier.ON_DEMAND]
    assert await provider.prices(GpuType.LOCAL) == ()


async def test_the_catalogue_is_read_once_for_many_questions(runpod: FakeRunPod) -> None:
    provider = RunPodProvider(configuration_for(runpod))
    await asyncio.gather(*(provider.prices(H100) for _ in range(3)))
    for _ in range(3):
        await provider.prices(H100)
    read = [exchange for exchange in runpod.exchanges if exchange.path == "/v2/catalog/gpus"]
    assert len(read) == 1
