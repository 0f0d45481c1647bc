"""The webhook where every workspace has a secret of its own and the installation has none for all."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from contracts import events
from contracts.envelope import new_event
from services.job_api.webhook.schemas import WebhookSecretView
from tests.services.job_api.waiting import eventually
from tests.services.job_api.webhook.test_webhook import deliver


@pytest.fixture
def told() -> dict[str, Any]:
    return {"webhook_secret": ""}


async def secret_of(client, **body) -> str:
    response = await client.post("/webhook/secret", json=body)
    assert response.status_code == 201, response.text
    return response.json()["secret"]


def warning(api, job, **changes) -> bytes:
    data = events.TrainingWarning(**(api.about(job) | changes), code="w", message="by webhook")
    return new_event(data, source="/pod").to_bytes()


async def test_without_any_secret_the_webhook_is_off(api):
    job = await api.running_job()
    response = await deliver(api, warning(api, job))
    assert (response.status_code, response.json()["code"]) == (404, "webhook_disabled")
    assert "POST /api/training/webhook/secret" in response.json()["suggested_fix"]


async def test_a_secret_is_shown_once(api):
    assert (await api.client.get("/webhook/secret")).json()["code"] == "webhook_secret_not_found"
    key = {"idempotency-key": str(uuid4())}
    made = (await api.client.post("/webhook/secret", headers=key)).json()
    WebhookSecretView.model_validate(made)
    assert len(made["secret"]) > 40
    assert made["created_by"] == api.credentials["user_id"]
    shown = (await api.client.get("/webhook/secret")).json()
    assert shown == made | {"secret": None}
    assert (await api.client.post("/webhook/secret", headers=key)).json() == made | {"secret": None}


async def test_a_workspace_s_secret_speaks_for_its_own_jobs_only(api):
    job, secret = await api.running_job(), await secret_of(api.client)
    elsewhere = uuid4()
    stranger = await api.member("admin", workspace_id=elsewhere)
    theirs = await secret_of(stranger)
    for body in (warning(api, job), warning(api, job, workspace_id=elsewhere),
                 {"event": "warning", "job_id": job["id"], "message": "by webhook"}):
        refused = await deliver(api, body, secret=theirs)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_signature")
    assert (await deliver(api, warning(api, job), secret=secret)).status_code == 202
    short = {"event": "warning", "job_id": job["id"], "message": "by webhook", "attempt": 1}
    assert (await deliver(api, short, secret=secret)).status_code == 202
    foreign = await deliver(api, warning(api, job, workspace_id=elsewhere), secret=secret)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "job_not_found")

    async def heard():
        return [row["message"] for row in await api.log(job["id"])].count("by webhook") == 2

    await eventually(heard)


@pytest.mark.parametrize("body", [b"{", b"[]", {"event": "started"}, {"event": "started", "job_id": str(uuid4())},
                                  {"specversion": "1.0", "data": {"job_id": str(uuid4())}}])
async def test_who_signs_with_nobodys_secret_learns_nothing(api, body):
    await secret_of(api.client)
    response = await deliver(api, body, secret="guess")
    assert (response.status_code, response.json()["detail"]) == (
        401, "The webhook was refused: the signature does not match the body.")


async def test_a_rotated_secret_works_until_the_pods_have_the_new_one(api):
    job, first = await api.running_job(), await secret_of(api.client)
    second = await secret_of(api.client, keep_previous_for_s=2)
    assert (await api.client.get("/webhook/secret")).json()["previous_valid_until"]
    for secret in (first, second):
        assert (await deliver(api, warning(api, job), secret=secret)).status_code == 202
    await asyncio.sleep(2)
    assert (await deliver(api, warning(api, job), secret=first)).status_code == 401
    third = await secret_of(api.client, keep_previous_for_s=0)
    assert (await api.client.get("/webhook/secret")).json()["previous_valid_until"] is None
    assert (await deliver(api, warning(api, job), secret=second)).status_code == 401
    assert (await deliver(api, warning(api, job), secret=third)).status_code == 202


async def test_nothing_is_lost_while_secrets_are_rotated(api):
    """A pod that runs keeps its secret, others take the new one when they begin; each event is taken once."""
    job, first = await api.running_job(), await secret_of(api.client)
    current, statuses, enough = first, list[int](), asyncio.Event()

    async def pod(*, keeps: bool) -> None:
        while not enough.is_set():
            secret = first if keeps else current
            statuses.append((await deliver(api, warning(api, job), secret=secret)).status_code)

    async def many_more() -> None:
        async def sent(goal: int = len(statuses) + 8) -> bool:
            return len(statuses) >= goal

        await eventually(sent)

    pods = [asyncio.create_task(pod(keeps=keeps)) for keeps in (True, False)]
    await many_more()
    current = await secret_of(api.client, keep_previous_for_s=3600)
    await many_more()
    enough.set()
    await asyncio.gather(*pods)
    assert set(statuses) == {202}
    before, current = current, await secret_of(api.client, keep_previous_for_s=0)
    for secret, status in ((first, 401), (before, 401), (current, 202)):
        statuses.append((await deliver(api, warning(api, job), secret=secret)).status_code)
        assert statuses[-1] == status

    async def heard() -> bool:
        return [row["message"] for row in await api.log(job["id"])].count("by webhook") == statuses.count(202)

    await eventually(heard)


async def test_a_secret_can_be_taken_away(api):
    job, secret = await api.running_job(), await secret_of(api.client)
    assert (await api.client.delete("/webhook/secret")).json() == {"object": "webhook_secret", "deleted": True}
    assert (await deliver(api, warning(api, job), secret=secret)).status_code == 404
    assert (await api.client.delete("/webhook/secret")).json()["code"] == "webhook_secret_not_found"


async def test_only_admins_have_to_do_with_secrets(api):
    member = await api.member("engineer", "owner", "analyst")
    for method in ("get", "post", "delete"):
        assert (await member.request(method, "/webhook/secret")).status_code == 403
