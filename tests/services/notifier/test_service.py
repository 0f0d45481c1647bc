import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from contracts.example_events import examples
from contracts.identifiers import uuid7
from services.notifier.adapters.tables import deliveries
from services.notifier.domain.addresses import Channel
from tests.fixtures.waiting import tries
from tests.services.notifier.adapters.faulty_server import faulty
from tests.services.notifier.adapters.test_slack import read_all


def about(stem: str, **changes):
    """An example event about a job of its own."""
    return examples()[stem].data.model_copy(update={"job_id": uuid7(), **changes})


async def test_a_failure_reaches_slack_and_mail_once(world, mailbox, webhook) -> None:
    failed = about("job.failed")
    async with world.notifier(
        slack_webhook_url=webhook.url,
        smtp_host="127.0.0.1",
        smtp_port=mailbox.port,
        email_to=("team@example.com",),
        public_url="http://127.0.0.1:8700",
    ):
        event = await world.tell(failed)
        await world.tell(failed, event_id=event.id, dedup="after the window")
        await world.settled("sent", count=3)
        await asyncio.sleep(0.5)
    assert len(webhook.posts) == 1
    assert failed.suggested_fix in str(webhook.posts[0])
    assert sorted(message["To"] for message in mailbox.messages) == ["engineer@example.com", "team@example.com"]
    body = mailbox.messages[0].get_payload()
    assert "What to do:" in body
    assert f"http://127.0.0.1:8700/api/training/jobs/{failed.job_id}" in body


async def test_without_configuration_the_message_goes_to_the_log(world) -> None:
    async with world.notifier():
        await world.tell(about("job.completed"))
        rows = await world.settled("sent")
    assert [(row.channel, row.failures) for row in rows] == [("log", 0)]


async def test_an_interruption_told_by_pod_and_provisioner_is_one_message(world, webhook) -> None:
    job_id = uuid7()
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.tell(about("pod.interrupted", job_id=job_id))
        await world.tell(about("pod.interrupted.silent_before_first_step", job_id=job_id))
        await world.tell(about("pod.interrupted", job_id=job_id, attempt=2))
        await world.settled("sent", count=2)
        await asyncio.sleep(0.5)
    assert len(webhook.posts) == 2


async def test_a_failing_receiver_is_tried_again_and_every_try_is_recorded(world, webhook) -> None:
    webhook.answers = [(500, {}), (503, {})]
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.tell(about("job.completed"))
        rows = await world.settled("sent")
    assert (rows[0].failures, webhook.tries, len(webhook.posts)) == (2, 3, 1)


async def test_after_the_last_try_the_delivery_is_given_up_with_its_reason(world, webhook) -> None:
    webhook.answers = [(500, {})] * 10
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.tell(about("job.completed"))
        rows = await world.settled("failed")
    assert (rows[0].failures, webhook.tries) == (4, 4)
    assert "500" in rows[0].last_error


async def test_a_refused_webhook_is_not_tried_again(world, webhook) -> None:
    webhook.answers = [(404, {})]
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.tell(about("job.completed"))
        rows = await world.settled("failed")
        await asyncio.sleep(0.5)
    assert webhook.tries == 1
    assert "secret" not in rows[0].last_error


async def test_a_receivers_wish_to_wait_is_granted(world, webhook) -> None:
    webhook.answers = [(429, {"Retry-After": "120"})]
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.tell(about("job.completed"))
        async for _ in tries():
            rows = await world.rows()
            if rows and rows[0].failures:
                break
    assert rows[0].next_try_at > datetime.now(UTC) + timedelta(seconds=100)


async def test_a_silent_slack_is_not_told_twice(world, webhook) -> None:
    webhook.hold.clear()
    async with world.notifier(slack_webhook_url=webhook.url, send_timeout_s=1):
        await world.tell(about("job.completed"))
        await world.settled("unknown")
    assert webhook.tries == 1


async def test_a_slack_that_hangs_up_after_the_request_is_not_told_twice(world) -> None:
    with faulty(read_all) as slack:
        url = f"http://127.0.0.1:{slack.port}/services/T0/B0/secret"
        async with world.notifier(slack_webhook_url=url, retry_delays_s=(0.1, 0.1, 0.1)):
            await world.tell(about("job.completed"))
            rows = await world.settled("unknown")
            await asyncio.sleep(0.7)
    assert (slack.clients, rows[0].failures) == (1, 0)
    assert "secret" not in rows[0].last_error


@pytest.mark.slow
async def test_a_sender_that_breaks_is_seen_and_the_others_are_told(world) -> None:
    class Broken:
        calls = 0

        async def send(self, notification) -> None:
            self.calls += 1
            if self.calls <= 4:
                raise RuntimeError("a bug")

    async with world.notifier(senders={Channel.LOG: Broken()}, send_timeout_s=0.2, request_timeout_s=0.2,
                              poll_s=0.05) as runtime:
        for _ in range(5):
            await world.tell(about("job.completed"))
        for _ in range(200):
            _, health = await runtime.health.ready()
            if health["checks"]["background"]["status"] == "degraded":
                break
            await asyncio.sleep(0.02)
        assert "delivery failed" in health["checks"]["background"]["detail"]
        assert "a bug" in health["checks"]["background"]["detail"]
        await world.settled("sent")
        rows = await world.settled("unknown", count=4)
    assert {row.last_error for row in rows if row.status == "unknown"} == {"the sender ended while sending"}


async def test_a_busy_mail_server_is_tried_again_and_an_unknown_mailbox_is_not(world, mailbox) -> None:
    mailbox.refusals = ["451 try later", "550 no such user"]
    async with world.notifier(
        smtp_host="127.0.0.1", smtp_port=mailbox.port, email_job_creator=False, email_to=("one@example.com",)
    ):
        await world.tell(about("job.completed"))
        rows = await world.settled("failed")
    assert (rows[0].failures, mailbox.messages) == (2, [])
    assert "550" in rows[0].last_error


async def test_a_mail_server_that_is_away_for_a_while_gets_the_message(world, mailbox, webhook) -> None:
    async with world.notifier(
        smtp_host="127.0.0.1",
        smtp_port=1,
        email_job_creator=False,
        email_to=("a@example.com",),
        retry_delays_s=(0.3, 60.0),
    ):
        await world.tell(about("job.completed"))
        async for _ in tries():
            rows = await world.rows()
            if rows and rows[0].failures == 2:
                break
    assert rows[0].status == "pending"
    async with world.database.transaction() as tx:
        await tx.execute(update(deliveries).values(next_try_at=datetime.now(UTC)))
    async with world.notifier(smtp_host="127.0.0.1", smtp_port=mailbox.port, email_job_creator=False):
        await world.settled("sent")
    assert [message["Message-ID"] for message in mailbox.messages] == [f"<{rows[0].id}@brightrun>"]


async def test_a_sender_that_died_in_the_act_is_reported_not_repeated(world, webhook) -> None:
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.tell(about("job.completed"))
        await world.settled("sent")
    async with world.database.transaction() as tx:
        past = datetime.now(UTC) - timedelta(minutes=1)
        await tx.execute(update(deliveries).values(status="sending", lock_token=uuid7(), locked_until=past))
    async with world.notifier(slack_webhook_url=webhook.url):
        await world.settled("unknown")
    assert webhook.tries == 1


async def test_a_jobs_name_adds_no_header_and_no_markup(world, mailbox, webhook) -> None:
    name = "x\r\nBcc: victim@example.com <https://evil.example|click>"
    async with world.notifier(slack_webhook_url=webhook.url, smtp_host="127.0.0.1", smtp_port=mailbox.port):
        await world.tell(about("job.completed", job_name=name))
        await world.settled("sent", count=2)
    assert mailbox.messages[0]["Bcc"] is None
    assert {block["text"]["type"] for block in webhook.posts[0]["blocks"]} == {"plain_text"}
