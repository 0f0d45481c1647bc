"""Deleted jobs, dead servers, partitions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chassis.database.migrate import upgrade
from services.metrics_ingest.adapters.hot_window import RedisHotWindow
from services.metrics_ingest.adapters.repository.partitions import JOBS_PER_PARTITION
from services.metrics_ingest.app import build_runtime
from services.metrics_ingest.application.workers.cleaning import Cleaner
from services.metrics_ingest.settings import Settings
from stack.parts import PostgresPart, ValkeyPart
from tests.services.metrics_ingest.conftest import Trainer, scalar, until


async def gone(service: Any) -> None:
    async def purged() -> bool:
        return await scalar(service, "SELECT count(*) FROM jobs WHERE purged_at IS NULL") == 0

    await until(purged)


@pytest.mark.slow
async def test_a_deleted_job_goes_and_stays_gone(trainer: Trainer, service: Any) -> None:
    await trainer.losses(range(500))
    await trainer.settled()
    await trainer.delete()

    async def invisible() -> bool:
        return (await trainer.range()).series == ()

    await until(invisible)
    await trainer.losses(range(500, 600))  # on its way when the job was deleted
    await trainer.settled()
    await gone(service)
    for table in ("metric_points", "segments", "blocks", "attempts", "job_metrics"):
        assert await scalar(service, f"SELECT count(*) FROM {table}") == 0, table
    assert (await trainer.latest()).metrics == {}
    assert await trainer.export() == []
    assert await trainer.dead_lettered() == []


@pytest.mark.slow
async def test_a_job_deleted_before_its_first_report_stays_away(trainer: Trainer, service: Any) -> None:
    await trainer.delete()
    await gone(service)
    await trainer.losses(range(5))
    await trainer.settled()
    assert await scalar(service, "SELECT count(*) FROM metric_points") == 0


@pytest.mark.slow
async def test_a_partition_without_living_jobs_is_dropped(trainer: Trainer, service: Any) -> None:
    await trainer.losses(range(5))
    await trainer.settled()
    async with service.owners.transaction() as tx:
        await tx.exec_driver_sql(f"SELECT setval('jobs_job_no_seq', {JOBS_PER_PARTITION - 2})")
    newer = Trainer(trainer.bus, trainer.jetstream)
    newest = Trainer(trainer.bus, trainer.jetstream)
    for other in (newer, newest):  # the last of the first partition, the first of the second
        await other.losses(range(5))
        await other.settled()
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'metric_points'::regclass"
    assert await scalar(service, partitions) == 2
    for other in (trainer, newer):
        await other.delete()
    await gone_all(service, 2)

    async def dropped() -> bool:
        return await scalar(service, "SELECT to_regclass('metric_points_000000') IS NULL")

    await until(dropped)
    assert len(await newest.export()) == 5


@pytest.mark.slow
async def test_a_partition_whose_rows_went_one_by_one_is_dropped_too(trainer: Trainer, service: Any) -> None:
    """Its last job was deleted between two looks, or readers held it when it was to be dropped."""
    await trainer.losses(range(5))
    await trainer.settled()
    newest = Trainer(trainer.bus, trainer.jetstream)
    async with service.owners.transaction() as tx:
        await tx.exec_driver_sql(f"SELECT setval('jobs_job_no_seq', {JOBS_PER_PARTITION})")
        await tx.exec_driver_sql("UPDATE jobs SET deleted_at = now(), purged_at = now()")
    await newest.losses(range(5))
    await newest.settled()

    async def dropped() -> bool:
        return await scalar(service, "SELECT to_regclass('metric_points_000000') IS NULL")

    await until(dropped)


async def gone_all(service: Any, count: int) -> None:
    async def purged() -> bool:
        return await scalar(service, "SELECT count(*) FROM jobs WHERE purged_at IS NOT NULL") == count

    await until(purged)


@pytest.mark.slow
async def test_old_jobs_expire_when_told_so(trainer: Trainer, service: Any) -> None:
    await trainer.losses(range(5))
    await trainer.settled()
    async with service.owners.transaction() as tx:
        await tx.exec_driver_sql("UPDATE jobs SET last_point_at = now() - interval '31 days'")
    await Cleaner(service.owners, RedisHotWindow(service.redis, points=100, ttl_s=10), 30).clean()
    assert await scalar(service, "SELECT count(*) FROM metric_points") == 0
    assert await trainer.export() == []


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Any]:
    await upgrade("services.metrics_ingest", settings["database_url"])
    runtime = build_runtime(Settings(**settings))
    async with runtime.lifespan():
        yield runtime


@pytest.mark.slow
async def test_redis_killed_and_back(
    empty_database, settings_for, topology, caller, jetstream, start_part, tmp_path: Path
) -> None:
    part = start_part(ValkeyPart(tmp_path / "valkey"))
    trainer = Trainer(caller, jetstream)
    settings = settings_for("metrics_ingest", database_url=empty_database, redis_url=part.url)
    async with running(**settings):
        await trainer.losses(range(50))
        await trainer.settled()
        part.kill()
        await trainer.losses(range(50, 100))
        await trainer.settled()
        assert (await trainer.range()).series[0].steps == tuple(range(100))
        assert (await trainer.latest()).metrics["loss"].step == 99
        part.start()
        await trainer.losses(range(100, 150))
        await trainer.settled()
        assert (await trainer.range()).series[0].steps == tuple(range(150))


@pytest.mark.slow
async def test_postgres_killed_and_back(settings_for, topology, caller, jetstream, start_part, tmp_path) -> None:
    postgres_server = start_part(PostgresPart(tmp_path / "pg"))  # one that keeps what it has committed
    trainer = Trainer(caller, jetstream)
    url = postgres_server.create_database("metrics_ingest")
    async with running(**settings_for("metrics_ingest", database_url=url)):
        await trainer.losses(range(200))
        await trainer.settled()
        postgres_server.kill()
        for first in range(200, 1000, 100):
            await trainer.losses(range(first, first + 100))
        await until_deferred(jetstream)
        postgres_server.start()
        await trainer.settled()
        assert (await trainer.range()).series[0].steps == tuple(range(1000))
        assert len(await trainer.export()) == 1000
        assert await trainer.dead_lettered() == []


async def until_deferred(jetstream: Any) -> None:
    async def tried() -> bool:
        info = await jetstream.consumer_info("METRICS", "metrics_ingest_metrics")
        return bool(info.num_redelivered)

    await until(tried)
