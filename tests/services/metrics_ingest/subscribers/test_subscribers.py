"""The handlers over FastStream's in-memory broker: no server, no database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faststream.nats import NatsBroker, TestNatsBroker

from chassis.messaging.middleware import Answer
from chassis.messaging.replies import BadRequestBody
from chassis.problems import MEDIA_TYPE, ProblemError
from contracts.envelope import new_event
from contracts.events import JobDeleted
from contracts.identifiers import uuid7
from contracts.rpc.logs import LOG_LINES
from contracts.rpc.metrics import EXPORT, LATEST, RANGE, ExportQuery, RangeQuery, RangeReply
from services.metrics_ingest.subscribers.events import events
from services.metrics_ingest.subscribers.requests import requests


@asynccontextmanager
async def broker(*middlewares: Any, **context: Any) -> AsyncIterator[NatsBroker]:
    made = NatsBroker(serializer=None, logger=None)
    made.include_router(events.copy())
    made.include_router(requests.copy(), middlewares=middlewares)
    for name, value in {"database": None, "hot": None, "charts": None, "store_lines": None, **context}.items():
        made.context.set_global(name, value)
    async with TestNatsBroker(made):
        yield made


class Transaction:
    """Keeps what would be written."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    async def execute(self, statement: Any) -> None:
        self.rows.append(statement.compile().params)


class NoJob:
    """A database without the job."""

    async def range(self, query: RangeQuery) -> RangeReply:
        return RangeReply(series=(), boundaries=())


async def test_a_deleted_job_gets_its_tombstone() -> None:
    data, tx = JobDeleted(job_id=uuid7(), workspace_id=uuid7(), deleted_by="me"), Transaction()
    event = new_event(data, source="/services/job_api")
    async with broker(tx=tx) as nats:
        await nats.publish(event.to_bytes(), event.subject, stream="JOBS")
    assert [(row["job_id"], row["workspace_id"]) for row in tx.rows] == [(data.job_id, data.workspace_id)]


async def test_a_question_reaches_its_query() -> None:
    query = RangeQuery(job_id=uuid7(), workspace_id=uuid7())
    async with broker(Answer, charts=NoJob()) as nats:
        reply = await nats.request(query.model_dump_json().encode(), RANGE.subject)
    assert RangeReply.model_validate_json(reply.body) == RangeReply(series=(), boundaries=())


@pytest.mark.parametrize("rpc", [LATEST, RANGE, EXPORT, LOG_LINES], ids=lambda rpc: rpc.subject)
async def test_a_question_that_is_none_is_refused(rpc: Any) -> None:
    async with broker() as nats:
        with pytest.raises(BadRequestBody):
            await nats.request(b'{"job_id": 1}', rpc.subject)


async def test_a_refusal_travels_as_a_problem() -> None:
    query = ExportQuery(job_id=uuid7(), workspace_id=uuid7(), cursor="made up")
    async with broker() as nats:
        with pytest.raises(ProblemError, match="cursor"):
            await nats.request(query.model_dump_json().encode(), EXPORT.subject)
    async with broker(Answer) as nats:
        reply = await nats.request(query.model_dump_json().encode(), EXPORT.subject)
    assert reply.headers["content-type"] == MEDIA_TYPE
    assert b"invalid_cursor" in reply.body
