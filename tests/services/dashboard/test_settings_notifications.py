"""Notification preferences on the page, with the real notifier behind the API."""

import re

import pytest
import pytest_asyncio

from contracts.example_events import examples
from contracts.identifiers import uuid7
from services.job_api.edge.auth import Role
from tests.fixtures.waiting import tries
from tests.services.dashboard.conftest import Browser
from tests.services.dashboard.test_settings_keys import key_of
from tests.services.job_api.notifier import running_notifier
from tests.services.notifier.conftest import webhook  # noqa: F401  fixtures

PATH = "/settings/notifications"


@pytest.fixture
def channels(webhook) -> dict[str, str]:  # noqa: F811
    return {"slack_webhook_url": webhook.url}


@pytest_asyncio.fixture
async def notifier(installation, fresh_database, settings_for, channels) -> None:
    async with running_notifier(fresh_database, settings_for, **channels):
        yield


def ticked(page: str) -> set[str]:
    return set(re.findall(r'name="channel-(\w+)" value="slack"[^>]*checked', page))


async def test_channels_are_chosen_for_the_workspace_and_a_message_is_tried(api, browser, dashboard, notifier) -> None:
    page = (await browser.get(PATH)).text
    assert len(ticked(page)) == 6
    for words in ("A training failed", "E-mail is not set up in this installation", "Nothing yet"):
        assert words in page, words
    happenings = re.findall(r'name="event" value="(\w+)"', page)
    answer = await browser.send(PATH, page=PATH, event=happenings, **{
        "channel-job_failed": ["slack", "email"], "channel-budget_exceeded": ["email"]})
    assert answer.headers["location"] == f"{PATH}?notice=saved"
    page = (await browser.get(answer.headers["location"])).text
    assert ticked(page) == {"job_failed"}
    found = {row["event"]: row["channels"] for row in (await api.client.get("/notifications")).json()["events"]}
    assert (found["job_failed"], found["budget_exceeded"]) == (["slack", "email"], ["email"])
    assert found["job_completed"] == []
    answer = await browser.send(f"{PATH}/test", page=PATH)
    assert answer.headers["location"] == f"{PATH}?notice=test-sent"
    async for _ in tries():
        page = (await browser.get(PATH)).text
        if ">Sent<" in page:
            break
    assert "A test message" in page
    engineer = await Browser(dashboard).sign_in(key_of(await api.member(Role.ENGINEER)))
    page = (await engineer.get(PATH)).text
    assert "Owners and admins choose" in page
    assert 'type="checkbox"' not in page
    assert "Send a test message" not in page
    for path in (PATH, f"{PATH}/test"):
        assert (await engineer.send(path, page=PATH, event="job_failed")).status_code == 403


@pytest.mark.parametrize("channels", [{}])
async def test_without_a_channel_there_is_no_test_and_a_wrong_choice_is_told(browser, notifier) -> None:
    page = (await browser.get(PATH)).text
    assert "Slack is not set up" in page
    assert "Send a test message" not in page
    answer = await browser.send(f"{PATH}/test", page=PATH)
    assert answer.status_code == 409
    assert "neither Slack nor a recipient of mail" in answer.text
    for fields in ({}, {"event": "weather"}, {"event": "job_failed", "channel-job_failed": "pigeon"}):
        answer = await browser.send(PATH, page=PATH, **fields)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text


@pytest.mark.parametrize("channels", [{"smtp_host": "127.0.0.1", "smtp_port": 9}])
async def test_the_page_says_that_creators_are_told_and_why_one_was_not(api, browser, notifier) -> None:
    assert "By e-mail, what is told of a job also goes to who created it" in (await browser.get(PATH)).text
    lost = examples()["job.failed"].data.model_copy(update={
        "job_id": uuid7(), "workspace_id": api.workspace_id, "created_by": str(uuid7())})
    await api.tell(lost)
    async for _ in tries():
        page = (await browser.get(PATH)).text
        if ">Skipped<" in page:
            break
    assert "Who created the job is no member with an e-mail address" in page


async def test_while_the_notifier_is_away_its_card_says_so(browser) -> None:
    answer = await browser.get(PATH)
    assert answer.status_code == 503
    assert "The notifications cannot be shown just now" in answer.text
    assert 'href="/settings/keys"' in answer.text
