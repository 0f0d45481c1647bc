"""Server-sent events of one job, and exports of its log: read page by page, so that memory stays bounded."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping

from chassis.database.engine import Database
from contracts.job_status import TERMINAL, JobStatus
from services.job_api import presenters
from services.job_api.live import JobNews, news_or_timeout
from services.job_api.repository import events, jobs
from services.job_api.repository.events import EventFilter

PAGE = 200
RETRY_MS = 3000
CSV_COLUMNS = (
    "seq", "occurred_at", "received_at", "type", "level", "attempt", "message", "source", "event_id", "payload",
)


def sse(event: str, data: object, event_id: int | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {event}\ndata: ".encode() + presenters.to_json(data) + b"\n\n"


@dataclass(frozen=True)
class EventStream:
    """The messages of `GET /jobs/{id}/stream`.

    `job` (no id): the job as `GET /jobs/{id}` shows it, first and after each batch of events; `<event type>` with
    `id` = its number: one entry of the log; `end` (no id): the job has ended and everything was sent.
    """

    database: Database
    news: JobNews
    stopping: Any
    heartbeat_s: float

    async def of(self, workspace_id: UUID, job_id: UUID, last_seen: int) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with self.news.of(job_id) as news:
            first = True
            while not self.stopping.is_set():
                job, batch = await self._read(workspace_id, job_id, last_seen)
                if job is None:
                    yield sse("end", {"status": "deleted"})
                    return
                for row in batch:
                    last_seen = row["seq"]
                    yield sse(row["type"], presenters.event(row), last_seen)
                if batch or first:
                    first = False
                    yield sse("job", presenters.job(job))
                if len(batch) == PAGE:
                    continue
                if JobStatus(job["status"]) in TERMINAL:
                    yield sse("end", {"status": job["status"]})
                    return
                if not await news_or_timeout(news, self.stopping, self.heartbeat_s):
                    yield b": heartbeat\n\n"

    async def _read(self, workspace_id: UUID, job_id: UUID, last_seen: int) -> tuple[Any, Any]:
        async with self.database.read() as tx:
            job = await jobs.view(tx, workspace_id, job_id)
            batch = await events.page(tx, job_id, EventFilter(), limit=PAGE, after=last_seen) if job else []
        return job, batch


async def export_json(database: Database, job_id: UUID, criteria: EventFilter) -> AsyncIterator[bytes]:
    """One JSON array."""
    opening = b"["
    async for row in _all(database, job_id, criteria):
        yield opening + presenters.to_json(presenters.event(row))
        opening = b",\n"
    yield b"[]\n" if opening == b"[" else b"]\n"


async def export_csv(database: Database, job_id: UUID, criteria: EventFilter) -> AsyncIterator[bytes]:
    """RFC 4180 with a header line; the payload is one JSON cell."""
    yield _line(CSV_COLUMNS)
    async for row in _all(database, job_id, criteria):
        yield _line([_cell(row[name]) for name in CSV_COLUMNS])


async def _all(database: Database, job_id: UUID, criteria: EventFilter) -> AsyncIterator[RowMapping]:
    last = 0
    while True:
        async with database.read() as tx:
            batch = await events.page(tx, job_id, criteria, limit=PAGE, after=last)
        for row in batch:
            last = row["seq"]
            yield row
        if len(batch) < PAGE:
            return


def _cell(value: Any) -> str:
    """Text; a leading character that spreadsheets take for a formula is disarmed."""
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    text = presenters.to_json(value).decode() if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: Any) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode()
