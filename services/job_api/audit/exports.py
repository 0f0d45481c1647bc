"""What matches of the audit log as one file: read page by page, so that memory stays bounded."""

from collections.abc import AsyncIterator

from chassis.database.engine import Database
from services.job_api.audit import presenter
from services.job_api.audit.repository import AuditFilter, read_page
from services.job_api.edge.csv_lines import csv_line

PAGE = 500


async def export_csv(database: Database, criteria: AuditFilter) -> AsyncIterator[bytes]:
    """RFC 4180 with a header line, the newest entry first."""
    yield csv_line(presenter.COLUMNS)
    after: str | None = None
    while True:
        found = await read_page(database, criteria, limit=PAGE, after=after)
        for row in found.rows:
            shown = presenter.entry(row)
            yield csv_line(shown[name] for name in presenter.COLUMNS)
        if (after := found.next_cursor) is None:
            return
