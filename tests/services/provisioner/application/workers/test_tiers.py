"""`auto` takes spot, and on-demand when spot is not to be had; nothing else changes its tier."""

from __future__ import annotations

from contracts.gpus import PricingTier
from services.provisioner.ports import AskLater, NoCapacity, TierNotOffered, TierSoldOut
from tests.services.provisioner.world import World

SOLD_OUT = TierSoldOut("no spot machine")


async def tiers(world: World) -> list[tuple[str, PricingTier]]:
    return [(event.data.event, event.data.pricing_tier) for event in await world.published()]


async def test_auto_takes_on_demand_after_two_failed_offers_and_says_so(world: World) -> None:
    world.provider.faults.before_create += [SOLD_OUT, SOLD_OUT]
    job_id = await world.started(pricing_tier=PricingTier.AUTO)
    await world.settle(world.policy.retry.capacity_retry_s)
    assert [request.pricing_tier for request in world.provider.requests] == [PricingTier.ON_DEMAND]
    assert await tiers(world) == [("requested", PricingTier.SPOT), ("waiting", PricingTier.SPOT),
                                  ("requested", PricingTier.ON_DEMAND), ("running", PricingTier.ON_DEMAND)]
    assert [event.data.sequence for event in await world.published()] == [1, 2, 3, 4]
    assert (await world.pods(job_id))[0].pricing_tier is PricingTier.ON_DEMAND


async def test_auto_keeps_spot_when_the_second_offer_holds(world: World) -> None:
    world.provider.faults.before_create += [SOLD_OUT]
    await world.started(pricing_tier=PricingTier.AUTO)
    await world.settle(world.policy.retry.capacity_retry_s)
    assert await tiers(world) == [(event, PricingTier.SPOT) for event in ("requested", "waiting", "running")]


async def test_auto_takes_on_demand_after_ten_minutes_whatever_was_in_the_way(world: World) -> None:
    world.provider.faults.before_create += [AskLater("the rate limit is reached", 600.0), SOLD_OUT]
    await world.started(pricing_tier=PricingTier.AUTO)
    await world.settle(600)
    assert [request.pricing_tier for request in world.provider.requests] == [PricingTier.ON_DEMAND]


async def test_auto_takes_on_demand_at_once_where_spot_is_withdrawn(world: World) -> None:
    world.provider.faults.before_create += [TierNotOffered("no spot any more")]
    await world.started(pricing_tier=PricingTier.AUTO)
    assert [request.pricing_tier for request in world.provider.requests] == [PricingTier.ON_DEMAND]


async def test_who_wants_spot_waits_for_spot(world: World) -> None:
    world.provider.faults.before_create += [SOLD_OUT] * 3
    await world.started(pricing_tier=PricingTier.SPOT)
    for _ in range(3):
        await world.settle(world.policy.retry.capacity_retry_s)
    assert [request.pricing_tier for request in world.provider.requests] == [PricingTier.SPOT]


async def test_who_wants_spot_where_there_is_none_is_told_what_to_choose(world: World) -> None:
    world.provider.faults.before_create += [TierNotOffered("no spot any more; choose on_demand or auto")]
    await world.started(pricing_tier=PricingTier.SPOT)
    assert await world.kinds() == ["pod.requested a1", "pod.failed a1"]
    assert "choose on_demand" in (await world.published())[-1].data.message


async def test_a_provider_that_is_full_for_every_tier_changes_none(world: World) -> None:
    world.provider.faults.before_create += [NoCapacity("full")] * 3
    await world.started(pricing_tier=PricingTier.AUTO)
    for _ in range(3):
        await world.settle(world.policy.retry.capacity_retry_s)
    assert await tiers(world) == [(event, PricingTier.SPOT) for event in ("requested", "waiting", "running")]


async def test_to_be_asked_later_is_no_failure(world: World) -> None:
    world.provider.faults.before_create += [AskLater("the rate limit is reached", 20.0)] * 10
    job_id = await world.started()
    for _ in range(9):
        await world.settle(19.0)
        await world.settle(1.0)
    assert await world.kinds() == ["pod.requested a1"]
    await world.settle(20.0)
    assert await world.kinds() == ["pod.requested a1", "pod.running a1"]
    assert (await world.pods(job_id))[0].create_failures == 0
