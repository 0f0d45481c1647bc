"""An `auto` job takes the dearer tier within its ceiling, and its log says why."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import events
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import TierNotOffered, TierSoldOut
from tests.services.provisioner.world import World, sigterm, start_request

ON_DEMAND = Price(pricing_tier=PricingTier.ON_DEMAND, gpu_model="NVIDIA H100 80GB HBM3", micro_usd_per_hour=3_490_000)


@pytest.fixture(autouse=True)
def price_list(world: World) -> None:
    world.provider.price_list = [ON_DEMAND]


def auto_job(ceiling: int | None) -> events.JobStartRequested:
    return start_request(gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.AUTO,
                         cost_ceiling_micro_usd=ceiling, estimated_duration_s=7200)


async def requested(world: World) -> list[tuple[str, str]]:
    """Tier and reason, as they were published."""
    found: list[Any] = [event.data for event in await world.published()]
    return [(data.pricing_tier.value, data.reason) for data in found if isinstance(data, events.PodRequested)]


async def sold_out(world: World, ceiling: int | None, offers: int = 2) -> events.JobStartRequested:
    start = auto_job(ceiling)
    world.provider.faults.before_create += [TierSoldOut("none free")] * offers
    await world.deliver(start)
    for _ in range(offers + 1):
        await world.settle(20)
    return start


async def test_on_demand_within_the_ceiling_and_the_log_says_why(world: World) -> None:
    start = await sold_out(world, 12_500_000)
    first, second = await requested(world)
    assert first == ("spot", "")
    assert second[0] == "on_demand"
    assert second[1] == "no spot for 20 seconds (2 offers): on-demand at $3.49/h, within the job's ceiling of $12.50"
    assert [request.pricing_tier for request in world.provider.requests] == [PricingTier.ON_DEMAND]
    assert (await world.pods(start.job_id))[0].pricing_tier is PricingTier.ON_DEMAND


async def test_beyond_the_ceiling_it_waits_for_spot_and_says_so_once(world: World) -> None:
    start = await sold_out(world, 5_000_000, offers=4)
    tiers = await requested(world)
    assert [tier for tier, _ in tiers] == ["spot", "spot"]
    assert tiers[1][1].endswith("would bring the job to about $6.98, above its ceiling of $5.00")
    assert [request.pricing_tier for request in world.provider.requests] == [PricingTier.SPOT]
    assert (await world.pods(start.job_id))[0].pricing_tier is PricingTier.SPOT


async def test_where_spot_is_not_sold_and_on_demand_is_beyond_the_ceiling_the_job_ends_with_the_figures(
    world: World,
) -> None:
    world.provider.faults.before_create.append(TierNotOffered("no spot any more"))
    await world.deliver(auto_job(5_000_000))
    await world.settle()
    failed = (await world.published())[-1].data
    assert isinstance(failed, events.PodFailed)
    assert "the provider offers no spot machines" in failed.message
    assert "$3.49/h" in failed.message
    assert "above its ceiling of $5.00" in failed.message


async def test_what_earlier_attempts_cost_counts(world: World) -> None:
    """An hour of spot at $3/h is gone; two hours were expected."""
    world.provider.price = type(world.provider.price)("m", 3_000_000, 3_490_000)
    start = auto_job(6_000_000)  # enough for one more hour on demand, not with what was spent
    await world.deliver(start)
    await world.settle()
    await world.settle(3600)
    world.provider.faults.before_create += [TierSoldOut("none free")] * 2
    await world.deliver(sigterm(start.job_id))
    for _ in range(4):
        await world.settle(20)
    assert "above its ceiling of $6.00" in (await requested(world))[-1][1]


async def test_a_job_that_lost_spot_too_often_takes_on_demand_within_its_ceiling(world: World) -> None:
    start = auto_job(1_000_000)
    await world.deliver(start)
    world.provider.starting = True
    for _ in range(4):  # three machines that do not come up
        await world.settle(1300)
    reasons = await requested(world)
    assert ("on_demand", "the spot machine did not come up: on-demand next") in reasons
    again = [reason for tier, reason in reasons if tier == "spot" and reason]
    assert again
    assert all(reason.endswith("above its ceiling of $1.00: spot again") for reason in again)
    assert {request.pricing_tier for request in world.provider.requests} == {PricingTier.SPOT}
    assert world.provider.requests[0].name == pod_name(start.job_id, 1)


@pytest.mark.parametrize("tier", [PricingTier.SPOT, PricingTier.ON_DEMAND])
async def test_a_job_that_chose_its_tier_keeps_it_whatever_it_costs(world: World, tier: PricingTier) -> None:
    await world.deliver(start_request(pricing_tier=tier, cost_ceiling_micro_usd=1))
    await world.settle()
    assert [request.pricing_tier for request in world.provider.requests] == [tier]
