"""Users of ended attempts are shut out."""

from __future__ import annotations

from chassis.database.leases import Lease
from services.provisioner.workers.revoker import Revoker
from tests.services.provisioner.world import World, sigterm


def revoker(world: World) -> Revoker:
    return Revoker(world.context, world.broker, Lease(world.database, "revoker"))


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
