"""The queue over REST: what is shown of it, and who may do what."""

from __future__ import annotations

import asyncio

import pytest

from contracts import events
from services.job_api.jobs.schemas.jobs import CompactJobView, JobView
from services.job_api.jobs.schemas.queue import QueueList
from services.job_api.settings import Settings
from tests.services.job_api.jobs.test_stream import Stream
from tests.services.job_api.waiting import eventually


@pytest.fixture
def told():
    """The limits that everybody has."""
    fields = Settings.model_fields
    return {name: fields[name].default for name in ("max_active_jobs_per_user", "max_active_jobs_per_workspace")}


async def waiting_jobs(api, count):
    """One that runs and `count` that wait for it."""
    return [await api.running_job(name=f"job {number}") for number in range(count + 1)]


async def end(api, job):
    await api.tell(events.PodFailed(**api.pod(job), error_type="provisioning", message="m", suggested_fix="f"))


async def test_a_job_that_waits_shows_its_place_and_the_next_one_starts_by_itself(api):
    running, second, third = await waiting_jobs(api, 2)
    assert (running["queue"], running["status_reason"]["code"]) == (None, "queued")
    assert running["allowed_actions"] == ["cancel", "pause"]
    for shown in (third, await api.job(third["id"])):
        JobView.model_validate(shown)
        assert shown["status"] == "queued"
        assert shown["queue"] | {"expected_start_at": ""} == {
            "position": 2, "ahead": 1, "expected_start_at": "", "reason": "user_limit"}
        assert shown["status_reason"]["message"].startswith(
            "Waiting for its turn: 1 job ahead, expected to start about ")
        assert shown["allowed_actions"] == ["cancel", "pause", "promote"]
    compact = (await api.client.get("/jobs", params={"view": "compact", "sort": "name"})).json()["data"]
    assert [CompactJobView.model_validate(job).queue and job["queue"]["position"] for job in compact] == [2, 1, None]
    assert [row["type"] for row in await api.log(third["id"])] == ["job.created", "job.status_changed", "job.queued"]
    await end(api, running)
    moved = await api.until(second["id"], lambda job: job["status_reason"]["code"] == "queued")
    assert (moved["status"], moved["queue"]) == ("queued", None)
    request = (await api.published("JOBS", f"job.start_requested.{second['id']}", 1))[0].data
    assert request.reservation_id == api.cost_guard.reserved[request.job_id]
    assert (await api.job(third["id"]))["queue"]["position"] == 1


async def test_the_queue_is_listed_in_order_page_by_page(api):
    _, *waiting = await waiting_jobs(api, 3)
    found, after = [], 0
    while after is not None:
        page = (await api.client.get("/queue", params={"limit": 2, "after": after})).json()
        QueueList.model_validate(page)
        assert (page["active_jobs"], page["limits"]) == (1, {"per_user": 1, "per_workspace": 3})
        found, after = [*found, *page["data"]], page["next_cursor"]
    assert [(entry["job_id"], entry["position"]) for entry in found] == [
        (job["id"], number) for number, job in enumerate(waiting, start=1)]
    stranger = await api.member("admin", workspace_id=api.workspace_id.__class__(int=7))
    assert (await stranger.get("/queue")).json()["data"] == []


async def test_an_owner_promotes_an_engineer_does_not(api):
    running, second, third = await waiting_jobs(api, 2)
    owner, engineer = await api.member("owner"), await api.member("engineer")
    assert (await engineer.post(f"/jobs/{third['id']}/promote")).status_code == 403
    promoted = (await owner.post(f"/jobs/{third['id']}/promote")).json()
    assert (promoted["queue"]["position"], promoted["queue"]["ahead"]) == (1, 0)
    assert [row["type"] for row in await api.log(third["id"])][-1] == "job.promoted"
    refused = await owner.post(f"/jobs/{running['id']}/promote")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "invalid_transition")
    assert "/api/training/queue" in problem["suggested_fix"]
    assert (await api.job(second["id"]))["queue"]["position"] == 2


async def test_whoever_watches_a_waiting_job_sees_its_place_change(api):
    running, second, third = await waiting_jobs(api, 2)
    async with api.client.stream("GET", f"/jobs/{third['id']}/stream") as response:
        stream = Stream(response)
        assert (await stream.until("job"))[2]["queue"]["position"] == 2
        await api.client.post(f"/jobs/{second['id']}/cancel")
        async with asyncio.timeout(60):
            assert (await stream.until("job"))[2]["queue"]["position"] == 1
        await api.client.post(f"/jobs/{running['id']}/cancel")
        async with asyncio.timeout(60):
            while (await stream.until("job"))[2]["queue"] is not None:
                pass
    await eventually(lambda: api.published("JOBS", f"job.start_requested.{third['id']}", 1))


async def test_the_queue_says_which_member_started_what(api):
    await waiting_jobs(api, 1)
    [waiting] = (await api.client.get("/queue")).json()["data"]
    members = (await api.client.get("/members")).json()["data"]
    assert waiting["requested_by_name"] in [member["display_name"] or member["email"] for member in members]
    assert waiting["requested_by"] == waiting["created_by"], "what programs read stays an id"
