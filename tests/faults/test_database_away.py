"""F9: PostgreSQL is away, comes back, or has no connection left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from chassis.messaging.dead_letters import DeadLetters
from contracts import events
from stack.parts import PostgresPart
from tests.faults.conftest import ApiFactory
from tests.services.job_api.conftest import Api
from tests.services.job_api.waiting import eventually


@pytest.mark.parametrize("away_s", [1.0, pytest.param(60.0, marks=pytest.mark.slow)])
async def test_while_it_is_away_requests_are_told_to_repeat_and_messages_wait(
    own_postgres: PostgresPart, new_api: ApiFactory, away_s: float
) -> None:
    async with new_api() as api:
        job = await api.running_job(name="before")
        await asyncio.to_thread(own_postgres.kill)
        said = await api.tell(events.TrainingProgressed(**api.about(job), step=7, total_steps=10, epoch=1.0))
        await refused_for_now(api, job)
        await asyncio.sleep(away_s)
        await refused_for_now(api, job)
        await asyncio.to_thread(own_postgres.start)
        await eventually(lambda: api.was_taken(said), 60)
        assert (await api.job(job["id"]))["current_step"] == 7
        assert (await api.running_job(name="after"))["name"] == "after"
        assert await names(api) == ["before", "after"], "what was refused left nothing behind"
        assert await DeadLetters(api.app.state.runtime.bus).list() == []


async def refused_for_now(api: Api, job: dict[str, Any]) -> None:
    """Reading and writing alike, with when to come back."""
    body = {"training_file_id": job["training_file_id"], "name": "meanwhile"}
    for answer in (await api.client.get(f"/jobs/{job['id']}"), await api.client.post("/jobs", json=body)):
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "database_unavailable"
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.slow
async def test_a_restart_as_in_a_failover_is_over_with_the_first_repetition(
    own_postgres: PostgresPart, new_api: ApiFactory
) -> None:
    """The server ends every session and comes back: what was open fails once at most, what follows works."""
    async with new_api() as api:
        job = await api.running_job(name="before")
        await asyncio.to_thread(own_postgres.stop)
        await asyncio.to_thread(own_postgres.start)
        said = await api.tell(events.TrainingProgressed(**api.about(job), step=3, total_steps=10, epoch=1.0))
        await eventually(lambda: api.was_taken(said), 30)
        assert (await api.job(job["id"]))["current_step"] == 3
        assert await DeadLetters(api.app.state.runtime.bus).list() == []


@pytest.mark.slow
async def test_without_a_free_connection_requests_are_told_to_repeat(new_api: ApiFactory) -> None:
    async with new_api(database_pool_size=1, database_pool_overflow=0) as api:
        job = await api.new_job(name="before")
        async with api.database.transaction() as tx:  # whoever has the only connection waits for this
            await tx.execute(text("LOCK TABLE training_jobs IN ACCESS EXCLUSIVE MODE"))
            body = {"training_file_id": job["training_file_id"], "name": "meanwhile"}
            answers = await asyncio.gather(*(api.client.post("/jobs", json=body) for _ in range(4)))
        assert {answer.status_code for answer in answers} <= {201, 503}
        busy = [answer for answer in answers if answer.status_code == 503]
        assert {answer.json()["code"] for answer in busy} <= {"database_busy", "database_unavailable"}
        assert "database_busy" in {answer.json()["code"] for answer in busy}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in busy)
        made = len(answers) - len(busy)
        assert (await names(api)).count("meanwhile") == made
        assert (await api.client.post("/jobs", json=body)).status_code == 201


async def names(api: Api) -> list[str]:
    async with api.database.read() as tx:
        return list((await tx.execute(text("SELECT name FROM training_jobs ORDER BY created_at, id"))).scalars())
