"""People read who did something to a job: names of members, in the log, in reasons and in the queue."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import update

from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.identifiers import uuid7
from contracts.rpc.jobs import JOB_CREATOR, JobCreatorQuery
from services.job_api.accounts.tables import users
from services.job_api.edge.auth import Role
from services.job_api.jobs.domain.people import FORMER

pytestmark = pytest.mark.asyncio


async def _named_member(api: Any, name: str) -> tuple[Any, str]:
    """A client of an engineer who is called so, and the engineer's id."""
    client = await api.member(Role.ENGINEER)
    async with api.database.transaction() as tx:
        newest = (await tx.execute(update(users).where(users.c.email.like("%@example.com")).values(display_name=name)
                                   .returning(users.c.id))).scalar_one()
    return client, str(newest)


async def test_words_name_members_and_say_when_one_is_gone(api: Any) -> None:
    ada, ada_id = await _named_member(api, "Ada Lovelace")
    job = await api.running_job()
    paused = (await ada.post(f"/jobs/{job['id']}/pause", json={"reason": "Lunch."})).json()
    assert paused["status_reason"]["message"].startswith("Paused by Ada Lovelace; ")
    assert (await api.job(job["id"]))["status_reason"] == paused["status_reason"]
    cancelled = (await ada.post(f"/jobs/{job['id']}/cancel")).json()
    assert cancelled["status_reason"]["message"] == "Cancelled by Ada Lovelace."
    assert await _said(api, job["id"], "job.pause_requested") == "Paused by Ada Lovelace. Lunch."
    assert (await api.client.delete(f"/members/{ada_id}")).is_success
    assert await _said(api, job["id"], "job.pause_requested") == f"Paused by {FORMER}. Lunch."
    assert (await api.job(job["id"]))["status_reason"]["message"] == f"Cancelled by {FORMER}."


async def test_exports_and_the_live_log_name_them_too(api: Any) -> None:
    ada, ada_id = await _named_member(api, "Ada")
    job = await api.running_job()
    await ada.post(f"/jobs/{job['id']}/cancel")
    path = f"/jobs/{job['id']}"
    log = json.loads((await api.client.get(f"{path}/events", params={"format": "json"})).text)
    rows = csv.DictReader(io.StringIO((await api.client.get(f"{path}/events", params={"format": "csv"})).text))
    live = (await api.client.get(f"{path}/stream")).text
    for messages in ([entry["message"] for entry in log], [row["message"] for row in rows]):
        assert "Cancelled by Ada." in messages
        assert not [message for message in messages if ada_id in message]
    assert "Cancelled by Ada." in live
    [entry] = [entry for entry in log if entry["type"] == "job.cancelled"]
    assert entry["payload"]["cancelled_by"] == ada_id, "what programs read stays as it was"


async def test_members_without_a_name_are_called_by_their_address(api: Any) -> None:
    nameless, _ = await _named_member(api, "")
    job = await api.running_job()
    cancelled = (await nameless.post(f"/jobs/{job['id']}/cancel")).json()
    assert cancelled["status_reason"]["message"].endswith("@example.com.")


async def _said(api: Any, job_id: str, kind: str) -> str:
    [entry] = (await api.client.get(f"/jobs/{job_id}/events", params={"type": kind})).json()["data"]
    return str(entry["message"])


async def test_jobs_tell_who_made_them_and_are_found_by_that_name(api: Any) -> None:
    ada, ada_id = await _named_member(api, "Ada Lovelace")
    mine = await api.new_job(name="Not hers")
    hers = (await ada.post("/jobs", json={"training_file_id": await api.add_file(), "name": "Hers"})).json()
    assert (hers["created_by"], hers["created_by_name"]) == (ada_id, "Ada Lovelace")
    assert (await api.job(hers["id"]))["created_by_name"] == "Ada Lovelace"
    edited = await api.client.patch(f"/jobs/{hers['id']}", json={"description": "changed"})
    assert edited.json()["created_by_name"] == "Ada Lovelace"
    for creator in ("ada lovelace", ada_id, "nobody,Ada Lovelace"):
        found = (await api.client.get("/jobs", params={"creator": creator, "view": "compact"})).json()["data"]
        assert [(job["name"], job["created_by_name"]) for job in found] == [("Hers", "Ada Lovelace")], creator
    assert (await api.client.get("/jobs", params={"creator": "nobody"})).json()["data"] == []
    text = (await api.client.get("/jobs", params={"creator": "Ada Lovelace", "format": "csv"})).text
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["name"], row["created_by_name"]) == ("Hers", "Ada Lovelace")
    await api.client.delete(f"/members/{ada_id}")
    full = (await api.client.get("/jobs")).json()["data"]
    assert {job["name"]: job["created_by_name"] is None for job in full} == {"Hers": True, "Not hers": False}
    assert mine["created_by_name"]


async def test_the_notifier_learns_the_address_of_a_member_who_made_a_job(api: Any) -> None:
    ada, ada_id = await _named_member(api, "Ada")
    job = (await ada.post("/jobs", json={"training_file_id": await api.add_file()})).json()
    bus = Bus(ServiceSettings(service_name="notifier", nats_url=api.nats_url))
    await bus.start()

    async def address(workspace_id: Any = api.workspace_id, job_id: Any = job["id"]) -> str | None:
        query = JobCreatorQuery(workspace_id=workspace_id, job_id=job_id)
        found = await bus.request(JOB_CREATOR, query, timeout_s=20)
        assert not found.email or found.email not in repr(found)
        return found.email

    hers = [one["email"] for one in (await api.client.get("/members")).json()["data"] if one["display_name"] == "Ada"]
    assert [await address()] == hers
    assert await address(job_id=uuid7()) is None
    assert await address(workspace_id=uuid7()) is None
    await api.client.delete(f"/members/{ada_id}")
    assert await address() is None
    await bus.stop()
