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
_ERROR_COLUMNS = ("code", "error_type", "class", "title", "count", "share", "fix_field", "fix_ended", "fix_completed",
                  "fix_success_rate")


def groups_csv(found: Analytics, table: str) -> bytes:
    """`table`: weeks, presets, people, clients or errors."""
    if table == "errors":
        return b"".join(_lines(_ERROR_COLUMNS, _error_rows(found)))
    rows: dict[str, list[dict[str, Any]]] = {
        "weeks": [presenter.week(one) for one in found.weeks],
        "presets": [presenter.preset(one) for one in found.presets],
        "people": [presenter.person(one, found) for one in found.people],
        "clients": [presenter.client(one) for one in found.clients]}
    nobody = Group(Sums())
    columns = {"weeks": presenter.week(nobody), "presets": presenter.preset(nobody),
               "people": presenter.person(nobody, found), "clients": presenter.client(nobody)}[table]
    return b"".join(_lines(columns, rows[table]))


def _error_rows(found: Analytics) -> list[dict[str, Any]]:
    """One for each fix that was tried; an error that nobody has retried has one without."""
    rows = []
    for error in presenter.errors(found):
        for fix in error["fixes"] or [{}]:
            tried = {f"fix_{name}": fix.get(name) for name in ("field", "ended", "completed", "success_rate")}
            rows.append({name: error.get(name) for name in _ERROR_COLUMNS} | tried)
    return rows


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
