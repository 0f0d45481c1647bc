"""Who created a job is told of it by e-mail: over the API, the events as job_api publishes them, the notifier and a
real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from contracts.error_taxonomy import TrainingErrorType
from contracts.events import CostOverrun, InterruptionSource, PodInterrupted, TrainingFailed
from services.job_api.accounts.tables import memberships, users
from tests.services.job_api.notifier import running_notifier
from tests.services.job_api.waiting import eventually
from tests.services.notifier.mailbox import Mailbox, receiving


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with receiving() as box:
        yield box


@pytest.fixture
def notifier(fresh_database, settings_for, mailbox) -> Any:
    @asynccontextmanager
    async def running(**settings: Any):
        mail = {"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_start_tls": False,
                "retry_delays_s": (0.1,) * 20}
        async with running_notifier(fresh_database, settings_for, **(mail | settings)):
            yield

    return running


class Creator:
    """An engineer with an address, and a job that runs."""

    def __init__(self, client: Any, email: str, user_id: str, job: dict[str, Any]) -> None:
        self.client, self.email, self.user_id, self.job = client, email, user_id, job


async def creator(api: Any) -> Creator:
    client = await api.member("engineer")
    async with api.database.read() as tx:
        statement = select(users.c.id, users.c.email).join(memberships, memberships.c.user_id == users.c.id)
        row = (await tx.execute(statement.order_by(memberships.c.created_at.desc()).limit(1))).one()
    body = {"training_file_id": await api.add_file(), "name": "Hers", "start": True}
    answer = await client.post("/jobs", json=body)
    assert answer.json()["created_by"] == str(row.id)
    return Creator(client, row.email, str(row.id), answer.json())


async def fails(api: Any, job: dict[str, Any]) -> None:
    await api.tell(TrainingFailed(
        **api.about(job), sequence=1, error_type=TrainingErrorType.UNKNOWN, message="It broke.",
        suggested_fix="Mend it.", retryable=False, failed_at=datetime.now(UTC)))


async def told(api: Any, count: int = 1) -> list[dict[str, Any]]:
    """What the page shows of the workspace's deliveries, once so many came to an end."""
    async def ended() -> list[dict[str, Any]]:
        rows = (await api.client.get("/notifications")).json()["deliveries"]
        done = [row for row in rows if row["status"] not in ("pending", "sending")]
        return done if len(done) >= count else []

    return list(await eventually(ended))


async def test_who_created_a_job_is_told_by_mail_and_nobody_else(api, notifier, mailbox) -> None:
    await api.member("engineer")
    async with notifier():
        hers = await creator(api)
        await fails(api, hers.job)
        rows = await told(api)
    assert mailbox.recipients == [hers.email]
    assert "Training failed: Hers" in mailbox.messages[0]["Subject"]
    assert [(row["event"], row["channel"], row["status"]) for row in rows] == [("job_failed", "email", "sent")]
    assert hers.email not in str(rows)


async def test_interruptions_and_overruns_of_a_job_reach_them_too(api, notifier, mailbox) -> None:
    now = datetime.now(UTC)
    async with notifier():
        hers = await creator(api)
        await api.tell(PodInterrupted(
            **api.pod(hers.job), detected_by=InterruptionSource.PROVIDER, interrupted_at=now))
        await api.tell(CostOverrun(
            job_id=hers.job["id"], workspace_id=api.workspace_id, cost_micro_usd=15, estimate_micro_usd=10,
            variance_percent=50.0, as_of=now))
        rows = await told(api, count=2)
    assert mailbox.recipients == [hers.email] * 2
    assert {row["event"] for row in rows} == {"job_interrupted", "cost_overrun"}


async def test_the_workspaces_no_to_mail_holds_for_them(api, notifier, mailbox) -> None:
    async with notifier(email_to=("team@example.com",)):
        hers = await creator(api)
        muted = {"events": [{"event": "job_failed", "channels": ["slack"]}]}
        assert (await api.client.put("/notifications", json=muted)).is_success
        await fails(api, hers.job)
        await api.client.post("/notifications/test")
        rows = await told(api)
    assert [row["event"] for row in rows] == ["test"]
    assert mailbox.recipients == ["team@example.com"]


async def test_who_left_the_workspace_gets_no_mail_and_the_page_says_so(api, notifier, mailbox) -> None:
    hers = await creator(api)
    assert (await api.client.delete(f"/members/{hers.user_id}")).is_success
    async with notifier(email_to=("team@example.com",)):
        await fails(api, hers.job)
        rows = await told(api, count=2)
    assert mailbox.recipients == ["team@example.com"]
    assert {row["status"]: row["note"] for row in rows} == {
        "sent": None, "skipped": "Who created the job is no member with an e-mail address"}


async def test_a_recipient_of_the_installation_who_created_the_job_is_told_once(api, notifier, mailbox) -> None:
    hers = await creator(api)
    async with notifier(email_to=(hers.email.upper(),)):
        await fails(api, hers.job)
        rows = await told(api, count=2)
    assert mailbox.recipients == [hers.email.upper()]
    assert {row["status"]: row["note"] for row in rows} == {
        "sent": None, "skipped": "Who created the job is told as a recipient of the installation"}


async def test_an_installation_may_leave_creators_out(api, notifier, mailbox) -> None:
    async with notifier(email_to=("team@example.com",), email_job_creator=False):
        await fails(api, (await creator(api)).job)
        await told(api)
        channels = (await api.client.get("/notifications")).json()["channels"]
    assert mailbox.recipients == ["team@example.com"]
    assert [each["job_creator"] for each in channels] == [False, False]
