"""What one reader can take from the others."""

import asyncio
from typing import Any

from tests.services.metrics_ingest.conftest import Trainer, packed


async def test_readers_leave_connections_to_the_writer(trainer: Trainer, service: Any) -> None:
    for first in (0, 2_000, 4_000):
        await trainer.losses(range(first, first + 2_000))
    await trainer.settled()
    await packed(service)
    await service.redis.flushall()
    writer = Trainer(trainer.bus, trainer.jetstream)
    async with service.owners.transaction() as blocking:
        await blocking.exec_driver_sql("LOCK TABLE segments IN ACCESS EXCLUSIVE MODE")  # charts wait, writers do not
        charts = [asyncio.create_task(trainer.range()) for _ in range(32)]
        await asyncio.sleep(0.5)
        await writer.losses(range(10))
        stored = f"SELECT count(*) FROM jobs WHERE job_id = '{writer.job_id}'"
        for _ in range(40):
            if (await blocking.exec_driver_sql(stored)).scalar():
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the report was not stored while charts waited")
    assert {reply.series[0].total_points for reply in await asyncio.gather(*charts)} == {6_000}
