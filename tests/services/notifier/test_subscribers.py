"""The handlers over FastStream's in-memory broker: no server, no database."""

from typing import Any

import pytest
from faststream.nats import NatsBroker, TestNatsBroker
from pydantic import SecretStr
from sqlalchemy.sql.dml import Insert

from contracts.events import JobCompleted, JobFailed
from contracts.example_events import examples
from contracts.registry import EVENTS
from contracts.streams import stream_of
from services.notifier import subscribers
from services.notifier.domain.addresses import JOB_CREATOR
from services.notifier.settings import Settings

SUBSCRIBED = {spec.model for spec in EVENTS if "notifier" in spec.consumers}
STEMS = [stem for stem, event in examples().items() if type(event.data) in SUBSCRIBED]
BOTH = Settings(slack_webhook_url=SecretStr("https://hooks.slack.com/x"), smtp_host="mail", email_to=("a@example.com",))


class Transaction:
    """Keeps what would be written."""

    def __init__(self) -> None:
        self.statements: list[Any] = []

    async def execute(self, statement: Any) -> Any:
        self.statements.append(statement)
        return self

    def scalars(self) -> list[str]:
        """Nothing is muted."""
        return []

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [statement.compile().params for statement in self.statements if isinstance(statement, Insert)]


async def handled(stem: str, settings: Settings) -> list[dict[str, Any]]:
    event, tx = examples()[stem], Transaction()
    broker = NatsBroker(serializer=None, logger=None)
    broker.include_router(subscribers.events.copy())
    for name, value in {"tx": tx, "settings": settings}.items():
        broker.context.set_global(name, value)
    async with TestNatsBroker(broker):
        await broker.publish(event.to_bytes(), event.subject, stream=stream_of(event.subject))
    return tx.rows


@pytest.mark.parametrize("stem", STEMS)
async def test_every_event_becomes_one_delivery_for_each_address(stem: str) -> None:
    rows = await handled(stem, BOTH)
    event = examples()[stem]
    creators = {JOB_CREATOR} if hasattr(event.data, "job_id") else set()
    if isinstance(event.data, JobCompleted | JobFailed):
        creators = {event.data.created_by}
    assert {(row["channel"], row["recipient"]) for row in rows} == {
        ("slack", ""), ("email", "a@example.com"), *(("email", address) for address in creators)
    }
    assert {row["event_id"] for row in rows} == {event.id}
    assert all(row["content"]["title"] and row["content"]["lines"] for row in rows)


async def test_without_configuration_the_log_is_told() -> None:
    assert [row["channel"] for row in await handled("budget.exceeded", Settings())] == ["log"]


async def test_an_event_for_others_reaches_no_handler() -> None:
    assert await handled("job.created", BOTH) == []
