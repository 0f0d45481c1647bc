"""The job list and a job's whole log as one file: read page by page, so that memory stays bounded."""

from collections.abc import AsyncIterator
from uuid import UUID

from chassis.database.engine import Database
from services.job_api.edge.csv_lines import csv_line
from services.job_api.edge.responses import to_json
from services.job_api.jobs import presenter
from services.job_api.jobs.application.people import Entry, page_of_events
from services.job_api.jobs.repository import job_list
from services.job_api.jobs.repository.events import EventFilter
from services.job_api.jobs.repository.job_list import JobFilter

PAGE = 200
CSV_COLUMNS = (
    "seq", "occurred_at", "received_at", "type", "level", "attempt", "message", "source", "event_id", "payload",
)


async def export_json(database: Database, job_id: UUID, criteria: EventFilter) -> AsyncIterator[bytes]:
    """One JSON array."""
    opening = b"["
    async for row in _all(database, job_id, criteria):
        yield opening + to_json(presenter.event(row))
        opening = b",\n"
    yield b"[]\n" if opening == b"[" else b"]\n"


async def export_csv(database: Database, job_id: UUID, criteria: EventFilter) -> AsyncIterator[bytes]:
    """RFC 4180 with a header line; the payload is one JSON cell."""
    yield csv_line(CSV_COLUMNS)
    async for row in _all(database, job_id, criteria):
        shown = presenter.event(row) | {"event_id": row["event_id"]}
        yield csv_line(shown[name] for name in CSV_COLUMNS)


async def export_jobs(
    database: Database, workspace_id: UUID, criteria: JobFilter, *, sort: str, descending: bool
) -> AsyncIterator[bytes]:
    """The list with these filters in this order, all pages of it."""
    yield csv_line(presenter.CSV_COLUMNS)
    after: str | None = None
    while True:
        found = await job_list.page(
            database, workspace_id, criteria, sort=sort, descending=descending, limit=PAGE, after=after,
            columns=job_list.COMPACT)
        for row in found.rows:
            yield csv_line(presenter.job_cells(row))
        if (after := found.next_cursor) is None:
            return


async def _all(database: Database, job_id: UUID, criteria: EventFilter) -> AsyncIterator[Entry]:
    last = 0
    while True:
        async with database.read() as tx:
            batch = await page_of_events(tx, job_id, criteria, limit=PAGE, after=last)
        for row in batch:
            last = row["seq"]
            yield row
        if len(batch) < PAGE:
            return
