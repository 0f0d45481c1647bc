"""Jobs and entries of their logs as people read them: with the names of members in place of their ids."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from services.job_api.accounts import repository as accounts
from services.job_api.jobs.domain.people import subjects_in, with_names
from services.job_api.jobs.repository import events
from services.job_api.jobs.repository.creators import address_of, called
from services.job_api.jobs.repository.events import EventFilter
from services.job_api.jobs.repository.job_rows import Row

Entry = Row


async def page_of_events(
    tx: AsyncConnection, job_id: UUID, criteria: EventFilter, *, limit: int, after: int | None = None,
    descending: bool = False,
) -> Sequence[Entry]:
    """As `events.page`."""
    rows = await events.page(tx, job_id, criteria, limit=limit, after=after, descending=descending)
    subjects = subjects_in(row["message"] for row in rows)
    if not subjects:
        return rows
    names = await accounts.names_of(tx, rows[0]["workspace_id"], subjects)
    return [{**row, "message": with_names(row["message"], names)} for row in rows]


def name_somebody(rows: Sequence[Row]) -> bool:
    """Whether the reasons of these jobs do."""
    return bool(subjects_in(map(_words, rows)))


async def jobs_with_names(tx: AsyncConnection, rows: Sequence[Row]) -> Sequence[Row]:
    """Jobs of one workspace; nothing is asked where no reason names anybody."""
    subjects = subjects_in(map(_words, rows))
    if not subjects:
        return rows
    names = await accounts.names_of(tx, rows[0]["workspace_id"], subjects)
    return [_with_names(row, names) for row in rows]


async def job_with_names(tx: AsyncConnection, row: Row) -> Row:
    return (await jobs_with_names(tx, [row]))[0]


async def queued_with_names(tx: AsyncConnection, workspace_id: UUID, rows: Sequence[Row]) -> Sequence[Row]:
    """Waiting jobs with `requested_by_name`: of the member who started each; None where nobody is that now."""
    names = await accounts.names_of(tx, workspace_id, {row["start_requested_by"] or "" for row in rows})
    return [{**row, "requested_by_name": names.get(row["start_requested_by"] or "")} for row in rows]


async def notes_with_names(tx: AsyncConnection, workspace_id: UUID, rows: Sequence[Row]) -> Sequence[Row]:
    """Texts of notes with `edited_by_name`: of the member who wrote each; None where nobody is that now."""
    names = await accounts.names_of(tx, workspace_id, {row["edited_by"] or "" for row in rows})
    return [{**row, "edited_by_name": names.get(row["edited_by"] or "")} for row in rows]


async def address_of_creator(database: Database, workspace_id: UUID, job_id: UUID) -> str | None:
    """Where to write to who created the job; None: nobody who is a member now, or no job of the workspace."""
    async with database.read() as tx:
        return await address_of(tx, workspace_id, job_id)


async def creators(database: Database, workspace_id: UUID, given: Sequence[str]) -> Sequence[str]:
    """Subjects of who is meant: ids as they are, and whoever has one of the names or addresses."""
    if all(map(_is_id, given)):
        return given
    async with database.read() as tx:
        return [*given, *await called(tx, workspace_id, given)]


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _words(row: Row) -> str:
    return str((row.get("status_reason") or {}).get("message", ""))


def _with_names(row: Row, names: Mapping[str, str]) -> Row:
    reason = row.get("status_reason")
    return row if reason is None else {**row, "status_reason": {**reason, "message": with_names(_words(row), names)}}
