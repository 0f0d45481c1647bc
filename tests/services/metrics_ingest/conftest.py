"""A running metrics_ingest over real PostgreSQL, NATS and Valkey, and a caller that reports and asks."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest_asyncio

from chassis.clock import SystemClock
from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.messaging.raw_message import RawMessage
from chassis.runtime import ServiceRuntime
from contracts.envelope import new_event
from contracts.events import JobDeleted, MetricsReported
from contracts.identifiers import uuid7
from contracts.rpc.metrics import (
    EXPORT,
    LATEST,
    RANGE,
    ExportPage,
    ExportQuery,
    Latest,
    LatestQuery,
    RangeQuery,
    RangeReply,
    RawPoint,
)
from services.metrics_ingest.app import build_runtime
from services.metrics_ingest.application.commands.store_reports import StoreReports
from services.metrics_ingest.settings import Settings
from services.metrics_ingest.subscribers.reports import ReportBatches


class Job:
    """Says what its pods would."""

    def __init__(self) -> None:
        self.job_id, self.workspace_id = uuid7(), uuid7()

    def report(
        self, steps: Any, *, attempt: int = 1, resumed: int = 0, times: Any = None, **values: Any
    ) -> MetricsReported:
        steps = tuple(steps)
        return MetricsReported(
            job_id=self.job_id, workspace_id=self.workspace_id, attempt=attempt, resumed_from_step=resumed,
            steps=steps, times=tuple(times or (float(1_700_000_000 + step) for step in steps)),
            values={name: tuple(column) for name, column in values.items()},
        )  # fmt: skip

    def raw(self, steps: Any, **values: Any) -> RawMessage:
        data = self.report(steps, **values)
        return RawMessage(data.subject(), new_event(data, source="/trainer").to_bytes(), "METRICS", 1, 1)


class Trainer(Job):
    """Reports as its pods would, asks as job_api would."""

    def __init__(self, bus: Bus, jetstream: Any) -> None:
        super().__init__()
        self.bus, self.jetstream = bus, jetstream

    async def publish(
        self, data: MetricsReported, *, event_id: UUID | None = None, dedup: str = "", **envelope: Any
    ) -> UUID:
        event = new_event(data, source="/trainer", event_id=event_id, **envelope)
        await self.send(event.subject, event.to_bytes(), dedup or str(event.id))
        return event.id

    async def send(self, subject: str, payload: bytes, dedup: str = "") -> None:
        await self.jetstream.publish(subject, payload, headers={"Nats-Msg-Id": dedup or str(uuid7())})

    async def losses(self, steps: Any, **how: Any) -> None:
        """Report loss = step + attempt / 10 at each step."""
        attempt = how.get("attempt", 1)
        await self.publish(self.report(steps, loss=[step + attempt / 10 for step in steps], **how))

    async def delete(self) -> None:
        event = new_event(
            JobDeleted(job_id=self.job_id, workspace_id=self.workspace_id, deleted_by="me"), source="/services/job_api"
        )
        await self.send(event.subject, event.to_bytes())

    async def range(self, *metrics: str, workspace_id: UUID | None = None, **bounds: Any) -> RangeReply:
        query = RangeQuery(
            job_id=self.job_id, workspace_id=workspace_id or self.workspace_id, metrics=metrics or ("loss",), **bounds
        )
        return await self.bus.request(RANGE, query, timeout_s=20)

    async def latest(self, workspace_id: UUID | None = None) -> Latest:
        query = LatestQuery(job_id=self.job_id, workspace_id=workspace_id or self.workspace_id)
        return await self.bus.request(LATEST, query, timeout_s=20)

    async def page(self, workspace_id: UUID | None = None, **page: Any) -> ExportPage:
        query = ExportQuery(job_id=self.job_id, workspace_id=workspace_id or self.workspace_id, **page)
        return await self.bus.request(EXPORT, query, timeout_s=20)

    async def export(self, limit: int = 5000) -> list[RawPoint]:
        points: list[RawPoint] = []
        cursor = None
        while True:
            page = await self.page(cursor=cursor, limit=limit)
            points += page.points
            cursor = page.next_cursor
            if cursor is None:
                return points

    async def settled(self) -> None:
        """All that was published has been stored, refused or dead-lettered."""

        async def done() -> bool:
            # Nothing pending may also mean that the consumer has not yet noticed the newest message.
            last = (await self.jetstream.stream_info("METRICS")).state.last_seq
            info = await self.jetstream.consumer_info("METRICS", "metrics_ingest_metrics")
            return info.num_pending == 0 and info.num_ack_pending == 0 and info.ack_floor.stream_seq >= last

        await until(done)

    async def dead_lettered(self) -> list[Any]:
        await self.settled()
        last = (await self.jetstream.stream_info("DLQ")).state.last_seq
        return [await self.jetstream.get_msg("DLQ", sequence) for sequence in range(1, last + 1)]


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    for _ in range(int(seconds / 0.03)):
        if await condition():
            return
        await asyncio.sleep(0.03)
    raise AssertionError("it did not happen in time")


def envelope(data: MetricsReported) -> dict[str, Any]:
    """As a dictionary, to be spoilt."""
    return dict(json.loads(new_event(data, source="/trainer").to_bytes()))


async def scalar(service: Any, query: str) -> Any:
    """Of a runtime's database."""
    return await value(service.owners, query)


async def packed(service: Any) -> None:
    async def done() -> bool:
        return await scalar(service, "SELECT count(*) FROM blocks WHERE NOT packed") == 0

    await until(done)


async def value(database: Database, query: str) -> Any:
    async with database.read() as connection:
        return (await connection.exec_driver_sql(query)).scalar()


class NoWindow:
    """The port of the hot window where there is none."""

    async def nothing(self, *_: Any) -> None:
        return None

    add = put = get = drop = latest = remember_latest = nothing

    async def is_current(self, *_: Any) -> bool:
        return False


@pytest_asyncio.fixture
async def database(fresh_database) -> Database:
    return await fresh_database("services.metrics_ingest")


def batches(database: Database, **limits: int) -> ReportBatches:
    """The handler of reports over this database, without a broker and a cache."""
    return ReportBatches(StoreReports(database, NoWindow(), SystemClock(), **limits), 40_000)


@pytest_asyncio.fixture
async def service(fresh_database, settings_for, topology) -> Any:
    database = await fresh_database("services.metrics_ingest")
    settings = Settings(
        **settings_for("metrics_ingest", database_url=database.url, pack_quiet_s=0.2, pack_interval_s=0.1,
                       cleaning_interval_s=0.2, batch_max_wait_s=0.03)
    )  # fmt: skip
    runtime: ServiceRuntime = build_runtime(settings)
    runtime.owners = database  # what a test looks at, whatever the workspace
    async with runtime.lifespan():
        yield runtime


@pytest_asyncio.fixture
async def caller(settings_for, topology) -> Any:
    bus = Bus(Settings(**settings_for("job_api")))
    await bus.start()
    yield bus
    await bus.stop()


@pytest_asyncio.fixture
async def trainer(service, caller, jetstream) -> Trainer:
    return Trainer(caller, jetstream)

