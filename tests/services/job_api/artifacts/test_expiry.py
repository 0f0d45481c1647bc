"""Prepared downloads go some time after their last URL ended; what was delivered, and who took it, stays."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from chassis.database.scope import every_workspace
from services.job_api.artifacts.application.expiry import expire_deliveries
from services.job_api.artifacts.tables import artifact_downloads

pytestmark = pytest.mark.asyncio
KEEP = timedelta(hours=24)


async def _sweep(deliveries: Any) -> int:
    deps = deliveries.api.app.state.dependencies
    with every_workspace():
        return await expire_deliveries(deps.database, deps.objects, deps.clock, KEEP)


async def _age(deliveries: Any, job: dict[str, Any], form: str, ended: timedelta) -> None:
    """As if the URLs to it had ended so long ago."""
    rows, now = artifact_downloads.c, deliveries.api.app.state.dependencies.clock.now()
    mine = (rows.training_job_id == UUID(job["id"])) & (rows.format == form)
    async with deliveries.api.database.transaction() as tx:
        await tx.execute(update(artifact_downloads).where(mine).values(expires_at=now - ended))


async def _prepared(deliveries: Any, job: dict[str, Any]) -> list[str]:
    folder = f"{deliveries.api.workspace_id}/{job['id']}/deliveries"
    return [stored.key for stored in await deliveries.objects.list("model-artifacts", folder)]


async def test_what_no_url_leads_to_any_more_goes_and_is_made_again(deliveries: Any) -> None:
    job = await deliveries.completed()
    first, _ = await deliveries.ask(job), await deliveries.ask(job, "bin")
    await _age(deliveries, job, "safetensors", KEEP + timedelta(minutes=1))
    await _age(deliveries, job, "bin", KEEP - timedelta(minutes=1))
    assert await _sweep(deliveries) == 1
    left = await _prepared(deliveries, job)
    assert len(left) == 2, "the other ZIP and its receipt"
    assert all("adapter-bin" in key for key in left)
    assert await _sweep(deliveries) == 0
    again = await deliveries.ask(job)
    assert again["sha256"] == first["sha256"]
    assert await deliveries.fetch(again)


async def test_a_zip_that_was_handed_out_again_stays_until_that_url_ends(deliveries: Any) -> None:
    job = await deliveries.completed()
    await deliveries.ask(job)
    await _age(deliveries, job, "safetensors", KEEP * 10)
    answer = await deliveries.ask(job)
    assert await _sweep(deliveries) == 0
    assert await deliveries.fetch(answer)


async def test_nothing_else_of_the_job_goes_and_the_record_stays(deliveries: Any) -> None:
    job = await deliveries.completed()
    await deliveries.ask(job)
    await _age(deliveries, job, "safetensors", KEEP * 2)
    assert await _sweep(deliveries) == 1
    for path, content in deliveries.files.items():
        assert await deliveries.objects.get_bytes("model-artifacts", deliveries.key(job, path)) == content
    listed = (await deliveries.api.client.get(f"/jobs/{job['id']}/downloads")).json()["data"]
    assert [(row["format"], bool(row["size_bytes"])) for row in listed] == [("safetensors", True)]
    assert datetime.fromisoformat(listed[0]["downloaded_at"])


async def test_two_replicas_that_sweep_at_once_remove_it_once(deliveries: Any) -> None:
    job = await deliveries.completed()
    await deliveries.ask(job)
    await _age(deliveries, job, "safetensors", KEEP * 2)
    await asyncio.gather(*(_sweep(deliveries) for _ in range(2)))
    assert await _prepared(deliveries, job) == []
    async with deliveries.api.database.read() as tx:
        keys = (await tx.execute(select(artifact_downloads.c.object_key))).scalars().all()
    assert keys == [None]
