"""One table of the analytics as CSV (RFC 4180 with a header line)."""

from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from chassis.database.engine import Database
from services.job_api.analytics import presenter, repository
from services.job_api.analytics.application.analyse import Analytics
from services.job_api.analytics.domain import Group, Sums
from services.job_api.diagnosis.repository import Period
from services.job_api.edge.csv_lines import csv_line

PAGE = 500


def groups_csv(found: Analytics, table: str) -> bytes:
    """`table`: weeks, presets or people."""
    rows: dict[str, list[dict[str, Any]]] = {
        "weeks": [presenter.week(one) for one in found.weeks],
        "presets": [presenter.preset(one) for one in found.presets],
        "people": [presenter.person(one, found) for one in found.people]}
    nobody = Group(Sums())
    columns = {"weeks": presenter.week(nobody), "presets": presenter.preset(nobody),
               "people": presenter.person(nobody, found)}[table]
    return b"".join(_lines(columns, rows[table]))


def _lines(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    names = list(columns)
    yield csv_line(names)
    for row in rows:
        yield csv_line(row[name] for name in names)


async def jobs_csv(database: Database, workspace_id: UUID, period: Period) -> AsyncIterator[bytes]:
    """Every job that ended in the period, the newest first, read page by page."""
    yield csv_line(repository.LISTED)
    after = None
    while True:
        async with database.read() as tx:
            rows = await repository.ended_jobs(tx, workspace_id, period, PAGE, after)
        for row in rows:
            yield csv_line(row.values())
        if len(rows) < PAGE:
            return
        after = rows[-1]
