"""Users of ended attempts are shut out, whoever tells the broker and however often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.database.leases import Lease
from services.provisioner.application.workers.revoker import Revoker
from tests.services.provisioner.world import World, sigterm


def revoker(world: World, lease_s: float = 15.0) -> Revoker:
    return Revoker(world.context, world.broker, Lease(world.database, "revoker", lease_s))


async def replaced(world: World) -> object:
    """A job whose first pod was replaced and is gone."""
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.settle(1)
    await world.settle(6)
    return job_id


async def test_users_of_ended_attempts_are_revoked(world: World) -> None:
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    revoke = revoker(world).revoke
    await world.settle(1)
    await revoke()
    assert world.broker.refused == set()  # it may still say its last words
    await world.settle(6)
    await revoke()
    assert world.broker.refused == {"U1"}
    assert (await world.users(job_id, 1), await world.users(job_id, 2)) == ({"U1"}, {"U2"})


async def test_pods_of_a_workspace_share_an_account_and_its_list(world: World) -> None:
    await replaced(world)
    await replaced(world)
    await revoker(world).revoke()
    assert len(world.broker.accounts) == 1
    assert world.broker.refused == {"U1", "U3"}


async def test_what_another_replica_overwrote_is_set_right(world: World) -> None:
    await replaced(world)
    mine = revoker(world)
    await mine.revoke()
    [account] = world.broker.accounts.values()
    world.broker.accounts[account.key] = replace(account, revoked={})  # one that was frozen told an older list
    world.clock.advance(29)
    await mine.revoke()
    assert world.broker.refused == set()
    world.clock.advance(1)
    await mine.revoke()
    assert world.broker.refused == {"U1"}


async def test_nothing_is_told_twice(world: World) -> None:
    await replaced(world)
    mine = revoker(world)
    await mine.revoke()
    told = world.broker.told
    for _ in range(10):
        world.clock.advance(20)
        await mine.revoke()
    assert world.broker.told == told


async def test_one_replica_at_a_time_has_the_duty(world: World) -> None:
    await replaced(world)
    first, second = revoker(world), revoker(world)
    await first.revoke()
    [account] = world.broker.accounts.values()
    world.broker.accounts.clear()
    await second.revoke()
    assert world.broker.accounts == {}
    await first._lease.release()
    await second.revoke()
    assert world.broker.accounts == {account.key: account}


async def test_a_broker_that_is_away_is_told_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await replaced(world)
    mine = revoker(world)

    async def away(accounts: object) -> int:
        raise ConnectionError("away")

    with monkeypatch.context() as patch:
        patch.setattr(world.broker, "publish", away)
        with pytest.raises(ConnectionError):
            await mine.revoke()
    await mine.revoke()
    assert world.broker.refused == {"U1"}


async def test_users_that_have_expired_are_forgotten(world: World) -> None:
    job_id = await replaced(world)
    mine = revoker(world)
    await mine.revoke()
    world.clock.advance(timedelta(hours=27).total_seconds())  # a job of one hour, an hour's margin, a day
    await mine.revoke()
    assert await world.users(job_id, 1) == set()
