"""Objects of checkpoints that nobody can resume from go."""

from __future__ import annotations

from datetime import timedelta

from contracts.rpc.pods import DELETE_CHECKPOINT, DeleteCheckpoint
from services.provisioner.application.workers.checkpoint_cleaner import CheckpointCleaner
from tests.services.provisioner.world import World, checkpoint, completed


async def test_deleted_checkpoints_lose_their_objects(world: World) -> None:
    job_id = await world.started()
    saved = [checkpoint(job_id, step) for step in (100, 200)]
    for one in saved:
        await world.deliver(one)
        for key in (one.manifest_key, one.files[0].key):
            await world.objects.put_bytes(one.bucket, key, b"x")
    await world.ask(DELETE_CHECKPOINT, DeleteCheckpoint(attempt=1, checkpoint_attempt=1, step=100), job_id)
    cleaner = CheckpointCleaner(world.context, world.objects, timedelta(hours=72))
    await cleaner.clean()
    assert not await world.objects.exists(saved[0].bucket, saved[0].manifest_key)
    assert not await world.objects.exists(saved[0].bucket, saved[0].files[0].key)
    assert await world.objects.exists(saved[1].bucket, saved[1].manifest_key)
    await world.deliver(completed(job_id))
    world.clock.advance(72 * 3600 + 1)
    await cleaner.clean()
    assert not await world.objects.exists(saved[1].bucket, saved[1].manifest_key)
