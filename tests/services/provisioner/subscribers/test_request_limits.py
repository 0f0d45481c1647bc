"""A pod that asks without pause is refused; one that works as it should never is."""

from __future__ import annotations

from uuid import UUID

import pytest

from chassis.problems import ProblemError, TooManyRequests
from contracts.rpc import pods as rpc
from tests.services.provisioner.world import World


def beat(world: World) -> rpc.Heartbeat:
    return rpc.Heartbeat(attempt=1, sent_at=world.clock.now())


def sign(objects: int) -> rpc.SignUrls:
    return rpc.SignUrls(attempt=1, objects=tuple(
        rpc.ObjectRequest(method="PUT", area="checkpoints", key=f"a1/step-1/{n}") for n in range(objects)))


async def flood(world: World, job_id: UUID) -> ProblemError:
    for _ in range(200):
        try:
            await world.ask(rpc.HEARTBEAT, beat(world), job_id)
        except ProblemError as error:
            return error
    raise AssertionError("it was never refused")


async def test_a_flood_is_refused_and_others_are_not(world: World) -> None:
    flooding, other = await world.started(), await world.started()
    refused = await flood(world, flooding)
    assert isinstance(refused, TooManyRequests)
    assert (refused.code, refused.status) == ("rate_limited", 429)
    assert 0 < refused.extra["retry_after_s"] < 5
    assert (await world.ask(rpc.HEARTBEAT, beat(world), other)).directive == "continue"
    assert (await world.ask(rpc.SIGN_URLS, sign(1), flooding)).urls
    world.clock.advance(refused.extra["retry_after_s"])
    assert (await world.ask(rpc.HEARTBEAT, beat(world), flooding)).directive == "continue"


@pytest.mark.slow
async def test_the_usual_rhythm_is_never_refused(world: World) -> None:
    """Heartbeats every three seconds, and a checkpoint of 40 files every half minute."""
    job_id = await world.started()
    for second in range(0, 300, 3):
        world.clock.advance(3)
        await world.ask(rpc.HEARTBEAT, beat(world), job_id)
        if second % 30 == 0:
            for _ in range(40):
                await world.ask(rpc.SIGN_URLS, sign(1), job_id)


async def test_objects_count_not_requests(world: World) -> None:
    job_id = await world.started()
    for _ in range(5):
        assert len((await world.ask(rpc.SIGN_URLS, sign(200), job_id)).urls) == 200
    with pytest.raises(TooManyRequests):
        await world.ask(rpc.SIGN_URLS, sign(200), job_id)
