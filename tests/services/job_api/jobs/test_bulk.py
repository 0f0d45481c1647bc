"""Several jobs at once: what can be done is done, and the others say why not."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.job_api.edge.auth import Role
from services.job_api.jobs.application.bulk import cancel_jobs
from services.job_api.jobs.application.queue import lock_queue
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.jobs.schemas.bulk import BulkResult


@pytest.fixture
def queue_limits() -> QueueLimits:
    return QueueLimits(per_user=1)


async def act(client, action, *jobs, **more):
    body = {"action": action, "job_ids": [job if isinstance(job, str) else job["id"] for job in jobs]}
    answer = await client.post("/bulk/jobs", json=body | more)
    assert answer.status_code == 200, answer.text
    BulkResult.model_validate(answer.json())
    return answer.json()


async def statuses(api, *jobs):
    return [(await api.job(job["id"]))["status"] for job in jobs]


async def test_what_can_be_cancelled_is_and_the_others_say_why_not(api) -> None:
    pending, running, ended = await api.new_job(), await api.running_job(), await api.new_job()
    await api.client.post(f"/jobs/{ended['id']}/cancel")
    unknown = str(uuid4())
    found = await act(api.client, "cancel", pending, unknown, running, ended, pending, reason="tidy")
    assert (found["done"], found["refused"]) == (2, 2)
    assert [(each["job_id"], each["problem"] and each["problem"]["code"]) for each in found["data"]] == [
        (pending["id"], None), (unknown, "job_not_found"), (running["id"], None),
        (ended["id"], "invalid_transition")]
    assert await statuses(api, pending, running, ended) == ["cancelled"] * 3


async def test_of_jobs_that_wait_none_starts_that_is_cancelled_too(house) -> None:
    """One job of a user is active at a time: the end of the first makes a place."""
    first, second, third, last = [await house.create(start=True) for _ in range(4)]
    assert await house.started() == [first]
    async with house.database.transaction() as tx:
        queue = await lock_queue(tx, house.caller.workspace_id, house.limits)
        outcomes = await cancel_jobs(queue, house.caller, [first, second, third], "", datetime.now(UTC))
    assert [outcome.refusal for outcome in outcomes] == [None] * 3
    assert await house.started() == [first, last]
    assert await house.waiting() == set()


async def test_only_jobs_that_were_never_started_are_deleted(api) -> None:
    pending, running = await api.new_job(), await api.running_job()
    found = await act(api.client, "delete", running, pending)
    assert [each["done"] for each in found["data"]] == [False, True]
    assert (await api.client.get(f"/jobs/{pending['id']}")).status_code == 404
    assert await statuses(api, running) == ["queued"]


async def test_each_job_has_its_entry_in_the_audit_log(api) -> None:
    jobs = [await api.new_job() for _ in range(2)]
    headers = {"idempotency-key": str(uuid4())}
    body = {"action": "delete", "job_ids": [*(job["id"] for job in jobs), str(uuid4())]}
    first, second = [await api.client.post("/bulk/jobs", json=body, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    found = (await api.client.get("/audit", params={"operation": "act_on_jobs"})).json()["data"]
    assert {entry["target_kind"] for entry in found} == {"training_job"}
    assert sorted(entry["target_id"] for entry in found) == sorted(["", *(job["id"] for job in jobs)])


async def test_another_workspaces_jobs_are_not_there(api) -> None:
    job = await api.new_job()
    stranger = await api.member(Role.ADMIN, workspace_id=uuid4())
    for action in ("cancel", "delete"):
        [outcome] = (await act(stranger, action, job))["data"]
        assert outcome["problem"]["code"] == "job_not_found"
    assert await statuses(api, job) == ["pending"]


@pytest.mark.slow
async def test_how_many_and_what_is_limited(api) -> None:
    for body in ({"action": "start", "job_ids": [str(uuid4())]}, {"action": "cancel", "job_ids": []},
                 {"action": "cancel", "job_ids": [str(uuid4())] * 101}, {"action": "cancel", "job_ids": ["x"]}):
        assert (await api.client.post("/bulk/jobs", json=body)).status_code == 422, body
