"""The rows of training files.

A row is written before its objects and removed after them (`storing`, `deleting`): whatever crashes in between, the
sweeper knows what to clean up. Such rows are shown to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, select, tuple_, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts.repository import name_beside
from services.job_api.files.repository.references import DELETING, INVALID, READY, SHOWN, STORING
from services.job_api.files.tables import training_files
from services.job_api.jobs.tables import training_jobs
from services.job_api.keyset import Cursor, InvalidCursor, decode

_ORDER = "-created_at"
_files = training_files.c


@dataclass(frozen=True)
class FileFilter:
    """Both narrow the list; `text` is looked for in names."""

    statuses: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True)
class FilePage:
    rows: Sequence[RowMapping]
    next_cursor: str | None = None


def _view() -> Select[Any]:
    earlier = training_files.alias("earlier")
    original = (
        select(earlier.c.id)
        .where(
            earlier.c.workspace_id == _files.workspace_id,
            earlier.c.source_sha256 == _files.source_sha256,
            earlier.c.status.in_(SHOWN),
            tuple_(earlier.c.created_at, earlier.c.id) < tuple_(_files.created_at, _files.id),
        )
        .order_by(earlier.c.created_at, earlier.c.id)
        .limit(1)
        .scalar_subquery()
    )
    jobs = select(func.count()).where(training_jobs.c.training_file_id == _files.id).scalar_subquery()
    accepted_by = name_beside(_files.warnings_accepted_by)
    return select(training_files, original.label("duplicate_of"), jobs.label("job_count"), accepted_by).where(
        _files.status.in_(SHOWN)
    )


async def find(tx: AsyncConnection, workspace_id: UUID, file_id: UUID) -> RowMapping | None:
    """The row as the API shows it, or None: unknown and foreign ids are not told apart."""
    statement = _view().where(_files.id == file_id, _files.workspace_id == workspace_id)
    row: RowMapping | None = (await tx.execute(statement)).mappings().one_or_none()
    return row


async def page(
    tx: AsyncConnection, workspace_id: UUID, criteria: FileFilter, *, limit: int, after: str | None
) -> FilePage:
    """The newest first. Raises InvalidCursor."""
    statement = _view().where(_files.workspace_id == workspace_id)
    if criteria.statuses:
        statement = statement.where(_files.status.in_(criteria.statuses))
    if criteria.text:
        statement = statement.where(func.lower(_files.name).contains(criteria.text.lower(), autoescape=True))
    if after:
        statement = statement.where(tuple_(_files.created_at, _files.id) < tuple_(*_position(after)))
    statement = statement.order_by(_files.created_at.desc(), _files.id.desc()).limit(limit + 1)
    rows = (await tx.execute(statement)).mappings().all()
    if len(rows) <= limit:
        return FilePage(rows)
    last = rows[limit - 1]
    return FilePage(rows[:limit], Cursor(_ORDER, last["created_at"].isoformat(), last["id"]).encode())


def _position(after: str) -> tuple[datetime, UUID]:
    cursor = decode(after, _ORDER)
    try:
        return datetime.fromisoformat(str(cursor.value)), cursor.id
    except ValueError as error:
        raise InvalidCursor("the cursor is damaged") from error


async def add(tx: AsyncConnection, values: dict[str, Any]) -> None:
    """A row that nobody sees yet."""
    await tx.execute(insert(training_files).values(**values, status=STORING))


async def finish(tx: AsyncConnection, file_id: UUID, *, valid: bool) -> bool:
    """Show the file. False: it took so long that the sweeper has removed it."""
    statement = update(training_files).where(_files.id == file_id, _files.status == STORING)
    done = await tx.execute(statement.values(status=READY if valid else INVALID, updated_at=func.now()))
    return done.rowcount == 1


async def lock(tx: AsyncConnection, workspace_id: UUID, file_id: UUID) -> RowMapping | None:
    """The row, which no job can take up until the transaction ends."""
    statement = (
        select(training_files)
        .where(_files.id == file_id, _files.workspace_id == workspace_id, _files.status.in_(SHOWN))
        .with_for_update()
    )
    return (await tx.execute(statement)).mappings().one_or_none()


async def jobs_using(tx: AsyncConnection, file_id: UUID, limit: int) -> Sequence[RowMapping]:
    jobs = training_jobs.c
    statement = select(jobs.id, jobs.name, jobs.status).where(jobs.training_file_id == file_id)
    return (await tx.execute(statement.order_by(jobs.created_at.desc()).limit(limit))).mappings().all()


async def mark_deleting(tx: AsyncConnection, file_id: UUID) -> None:
    await tx.execute(update(training_files).where(_files.id == file_id).values(status=DELETING, updated_at=func.now()))


async def accept_warnings(tx: AsyncConnection, file_id: UUID, by: str, at: datetime) -> None:
    await tx.execute(
        update(training_files)
        .where(_files.id == file_id)
        .values(warnings_accepted_by=by, warnings_accepted_at=at, updated_at=func.now())
    )


async def unfinished(tx: AsyncConnection, older_than: timedelta, limit: int) -> Sequence[RowMapping]:
    """Rows whose upload or deletion was interrupted."""
    statement = (
        select(training_files)
        .where(_files.status.in_((STORING, DELETING)), _files.updated_at < func.now() - older_than)
        .limit(limit)
    )
    return (await tx.execute(statement)).mappings().all()


async def unused(tx: AsyncConnection, older_than: timedelta, limit: int) -> Sequence[RowMapping]:
    """Files that no job uses, of everybody, uploaded so long ago."""
    used = select(training_jobs.c.id).where(training_jobs.c.training_file_id == _files.id).exists()
    statement = (
        select(_files.id, _files.workspace_id)
        .where(_files.status.in_(SHOWN), _files.created_at < func.now() - older_than, ~used)
        .limit(limit)
    )
    return (await tx.execute(statement)).mappings().all()


async def remove(tx: AsyncConnection, file_id: UUID) -> None:
    """The row of a file whose objects are gone."""
    await tx.execute(delete(training_files).where(_files.id == file_id, _files.status.in_((STORING, DELETING))))
