"""What a workspace wants to hear of, by which channel: asked, chosen and obeyed, over the real bus."""

import pytest_asyncio

from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.example_events import examples
from contracts.identifiers import uuid7
from contracts.rpc.notifications import (
    PREFERENCES,
    SEND_TEST,
    SET_PREFERENCES,
    Channel,
    Happening,
    Preferences,
    PreferencesQuery,
    SendTest,
    SetPreferences,
    WantedChannels,
)
from services.notifier.domain.wording import TITLES, message_for
from tests.services.notifier.domain.test_wording import STEMS

BOTH = (Channel.SLACK, Channel.EMAIL)


@pytest_asyncio.fixture
async def caller(topology):
    bus = Bus(ServiceSettings(service_name="job_api", nats_url=topology.url))
    await bus.start()
    yield bus
    await bus.stop()


async def chosen(caller: Bus, workspace_id, **wanted: tuple[Channel, ...]) -> Preferences:
    command = SetPreferences(workspace_id=workspace_id, changed_by="ada", wanted=tuple(
        WantedChannels(happening=Happening(name), channels=channels) for name, channels in wanted.items()))
    return await caller.request(SET_PREFERENCES, command, timeout_s=20)


def told(found: Preferences) -> dict[Happening, tuple[Channel, ...]]:
    return {each.happening: each.channels for each in found.preferences}


async def test_everything_is_told_until_somebody_says_no(world, caller) -> None:
    ours, theirs = uuid7(), uuid7()
    async with world.notifier(smtp_host="127.0.0.1"):
        found = await caller.request(PREFERENCES, PreferencesQuery(workspace_id=ours), timeout_s=20)
        assert told(found) == dict.fromkeys(Happening, BOTH)
        assert [(each.channel, each.configured) for each in found.channels] == [
            (Channel.SLACK, False), (Channel.EMAIL, True)]
        found = await chosen(caller, ours, job_failed=(Channel.SLACK,), job_completed=())
        assert told(found) == dict.fromkeys(Happening, BOTH) | {
            Happening.JOB_FAILED: (Channel.SLACK,), Happening.JOB_COMPLETED: ()}
        found = await chosen(caller, ours, job_completed=BOTH)
        assert told(found) == dict.fromkeys(Happening, BOTH) | {Happening.JOB_FAILED: (Channel.SLACK,)}
        found = await caller.request(PREFERENCES, PreferencesQuery(workspace_id=theirs), timeout_s=20)
        assert told(found) == dict.fromkeys(Happening, BOTH)


async def test_what_is_muted_reaches_nobody_and_the_rest_does(world, caller, webhook, mailbox) -> None:
    failed = examples()["job.failed"].data.model_copy(update={"job_id": uuid7()})
    completed = examples()["job.completed"].data.model_copy(update={"job_id": uuid7()})
    assert failed.workspace_id == completed.workspace_id
    async with world.notifier(slack_webhook_url=webhook.url, smtp_host="127.0.0.1", smtp_port=mailbox.port,
                              email_to=("team@example.com",)):
        await chosen(caller, failed.workspace_id, job_completed=(), job_failed=(Channel.SLACK,))
        await world.tell(completed)
        await world.tell(failed)
        await world.settled("sent")
        rows = await world.rows()
        found = await caller.request(PREFERENCES, PreferencesQuery(workspace_id=failed.workspace_id), timeout_s=20)
        others = await caller.request(PREFERENCES, PreferencesQuery(workspace_id=uuid7()), timeout_s=20)
    assert [(row.kind, row.channel) for row in rows] == [("job_failed", "slack")]
    assert [(each.kind, each.channel, each.status) for each in found.deliveries] == [("job_failed", "slack", "sent")]
    assert others.deliveries == ()


async def test_a_test_message_goes_by_every_channel_once_a_minute(world, caller, webhook, mailbox) -> None:
    workspace_id = uuid7()
    async with world.notifier(slack_webhook_url=webhook.url, smtp_host="127.0.0.1", smtp_port=mailbox.port,
                              email_to=("team@example.com",)):
        for _ in range(2):
            sent = await caller.request(SEND_TEST, SendTest(workspace_id=workspace_id), timeout_s=20)
            assert sent.channels == BOTH
        rows = await world.settled("sent", count=2)
    minutes = {row.dedup_key for row in rows}
    assert len(rows) == 2 * len(minutes)
    assert {row.kind for row in rows} == {"test"}


async def test_without_a_channel_nothing_is_sent(world, caller) -> None:
    async with world.notifier():
        sent = await caller.request(SEND_TEST, SendTest(workspace_id=uuid7()), timeout_s=20)
    assert sent.channels == ()
    assert await world.rows() == []


def test_what_is_told_can_be_chosen() -> None:
    events = [examples()[stem] for stem in STEMS]
    assert {message_for(event.data, event.id).kind for event in events} == set(Happening) == set(TITLES)
