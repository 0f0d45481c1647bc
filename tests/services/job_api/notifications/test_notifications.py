"""Of what a workspace is told: read by members, chosen by owners and admins, tried by a message."""

from uuid import uuid4

import pytest
import pytest_asyncio

from tests.services.job_api.notifier import running_notifier


@pytest.fixture
def channels() -> dict[str, object]:
    return {"smtp_host": "127.0.0.1", "smtp_port": 9, "email_to": ("team@example.com",)}


@pytest_asyncio.fixture
async def notifier(api, fresh_database, settings_for, channels) -> None:
    async with running_notifier(fresh_database, settings_for, **channels):
        yield


async def test_owners_choose_for_their_workspace_alone(api, notifier) -> None:
    owner, analyst = await api.member("owner"), await api.member("analyst")
    body = {"events": [{"event": "job_failed", "channels": ["slack", "slack"]}]}
    assert (await analyst.put("/notifications", json=body)).status_code == 403
    answer = await owner.put("/notifications", json=body)
    assert answer.status_code == 200, answer.text
    found = (await analyst.get("/notifications")).json()
    chosen = {row["event"]: row["channels"] for row in found["events"]}
    assert (chosen["job_failed"], chosen["job_completed"]) == (["slack"], ["slack", "email"])
    assert found["channels"] == [{"channel": "slack", "configured": False, "job_creator": False},
                                 {"channel": "email", "configured": True, "job_creator": True}]
    assert found["allowed_actions"] == []
    assert answer.json()["allowed_actions"] == ["edit", "test"]
    stranger = await api.member("admin", workspace_id=uuid4())
    theirs = (await stranger.get("/notifications")).json()
    assert all(row["channels"] == ["slack", "email"] for row in theirs["events"])
    entry = (await owner.get("/audit?operation=set_notifications&outcome=succeeded")).json()["data"][0]
    assert entry["target_kind"] == "notification_preferences"


@pytest.mark.parametrize("body", [
    {}, {"events": []}, {"events": [{"event": "weather", "channels": []}]},
    {"events": [{"event": "job_failed", "channels": ["pigeon"]}]}, {"events": [{"event": "job_failed"}]}])
async def test_what_is_not_known_is_refused(api, notifier, body) -> None:
    answer = await api.client.put("/notifications", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_a_test_message_and_what_became_of_it(api, notifier) -> None:
    answer = await api.client.post("/notifications/test")
    assert (answer.status_code, answer.json()["channels"]) == (200, ["email"])
    deliveries = (await api.client.get("/notifications")).json()["deliveries"]
    assert [(row["event"], row["channel"]) for row in deliveries] == [("test", "email")]
    assert "team@example.com" not in str(deliveries)


@pytest.mark.parametrize(("channels", "actions"), [({}, ["edit"]), ({"smtp_host": "127.0.0.1"}, ["edit", "test"])])
async def test_without_a_channel_there_is_nothing_to_try(api, notifier, actions) -> None:
    answer = await api.client.post("/notifications/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_notification_channel")
    assert (await api.client.get("/notifications")).json()["allowed_actions"] == actions


async def test_without_the_notifier_it_is_said(api) -> None:
    answer = await api.client.get("/notifications")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
