"""How many machines of each tier were lost: by what they were, and only where enough were seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, update

from contracts.identifiers import uuid7
from services.job_api.analytics.schemas import InterruptionRates
from services.job_api.edge.auth import Role
from services.job_api.tables import job_events, training_jobs
from tests.services.job_api.analytics.test_analytics import MONDAY, analysed, ended


async def machines(api: Any, *tiers: str, lost: tuple[int, ...] = (), **job: Any) -> str:
    """A job whose attempts had machines of these tiers; of the `lost` ones two tell, as in life."""
    [job_id] = await ended(api, {"attempt": len(tiers)} | job)
    entries = [(number, "pod.running", {"pricing_tier": tier}) for number, tier in enumerate(tiers, 1)]
    entries += [(number, "pod.interrupted", {}) for number in lost for _ in range(2)]
    usual = {"job_id": UUID(job_id), "workspace_id": api.workspace_id, "source": "t", "level": "info", "message": "",
             "occurred_at": MONDAY}
    async with api.database.transaction() as tx:
        await tx.execute(insert(job_events).values([
            usual | {"seq": seq, "event_id": uuid7(), "attempt": number, "type": kind, "payload": payload}
            for seq, (number, kind, payload) in enumerate(entries, 1)]))
    return job_id


async def rates(client: Any) -> dict[str, tuple[int, int, float | None]]:
    answer = await client.get("/interruption-rates")
    assert answer.status_code == 200, answer.text
    InterruptionRates.model_validate(answer.json())
    return {tier["gpu_pricing_tier"]: (tier["machines"], tier["interrupted"], tier["interruption_rate"])
            for tier in answer.json()["data"]}


async def test_a_rate_is_told_where_enough_machines_were_seen(api) -> None:
    assert await rates(api.client) == {"spot": (0, 0, None), "on_demand": (0, 0, None)}
    for _ in range(3):
        await machines(api, "spot", "spot", "on_demand", lost=(1, 2), gpu_pricing_tier="auto")
    assert await rates(api.client) == {"spot": (6, 6, None), "on_demand": (3, 0, None)}
    for _ in range(6):
        await machines(api, "spot")
    assert await rates(api.client) == {"spot": (12, 6, 0.5), "on_demand": (3, 0, None)}
    assert await rates(await api.member(Role.ANALYST, workspace_id=uuid4())) == {
        "spot": (0, 0, None), "on_demand": (0, 0, None)}


async def test_what_was_meant_is_no_interruption_and_what_runs_is_not_over(api) -> None:
    running = {"status": "training", "completed_at": None}
    await machines(api, "spot", "spot", lost=(1,), set_aside=[1], **running)
    assert (await rates(api.client))["spot"] == (1, 0, None)
    job_id = await machines(api, "spot", lost=(1,), **running)
    assert (await rates(api.client))["spot"] == (2, 1, None)
    async with api.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job_id)).values(attempt=2))
    assert (await rates(api.client))["spot"] == (2, 1, None)


async def test_the_analytics_have_those_of_their_time(api) -> None:
    await machines(api, "spot", lost=(1,))
    await machines(api, "spot", completed_at=MONDAY + timedelta(days=7))
    found = await analysed(api.client, to=(MONDAY + timedelta(days=1)).isoformat())
    assert found["tiers"][0] == {"gpu_pricing_tier": "spot", "machines": 1, "interrupted": 1, "interruption_rate": None}
    assert (await analysed(api.client))["tiers"][0]["machines"] == 2
