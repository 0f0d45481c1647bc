"""Objects of checkpoints that nobody can resume from go."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from contracts.events import CheckpointExpired
from contracts.rpc.pods import DELETE_CHECKPOINT, DeleteCheckpoint
from services.provisioner.application.workers.checkpoint_cleaner import CheckpointCleaner
from tests.services.provisioner.world import WORKSPACE, World, checkpoint, completed


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


async def test_parts_of_checkpoints_that_never_became_whole_go_with_the_others(world: World) -> None:
    """The machine was taken away in the middle of an upload: no manifest, no event, nobody knows of them."""
    job_id, other = await world.started(), await world.started()
    left = [f"{WORKSPACE}/{job}/a1/step-7/optimizer.pt/part-0001" for job in (job_id, other)]
    for key in left:
        await world.objects.put_bytes("training-checkpoints", key, b"x")
    await world.deliver(completed(job_id))
    cleaner = CheckpointCleaner(world.context, world.objects, timedelta(hours=72))
    world.clock.advance(72 * 3600 - 60)
    await cleaner.clean()
    assert await world.objects.exists("training-checkpoints", left[0])
    world.clock.advance(120)
    await cleaner.clean()
    assert [await world.objects.exists("training-checkpoints", key) for key in left] == [False, True]


async def test_two_replicas_that_clean_at_once_say_it_once(world: World) -> None:
    job_id = await world.started()
    saved = [checkpoint(job_id, step) for step in (100, 200, 300)]
    for one in saved:
        await world.deliver(one)
        await world.objects.put_bytes(one.bucket, one.manifest_key, b"x")
    await world.deliver(completed(job_id))
    world.clock.advance(72 * 3600 + 1)
    replicas = [CheckpointCleaner(world.context, world.objects, timedelta(hours=72)) for _ in range(2)]
    await asyncio.gather(*(replica.clean() for replica in replicas))
    assert [await world.objects.exists(one.bucket, one.manifest_key) for one in saved] == [False, False, False]
    assert sum(isinstance(event.data, CheckpointExpired) for event in await world.published()) == 1
