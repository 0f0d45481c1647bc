"""The job list: one keyset page, filtered and sorted, straight from an index."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database.engine import Database
from services.job_api.jobs.domain.search import contains_pattern
from services.job_api.jobs.repository.job_list_statements import COMPACT, FULL, Shape, statement
from services.job_api.keyset import Cursor, InvalidCursor, decode

__all__ = ["COMPACT", "FULL", "JobFilter", "JobPage", "page"]

Row = Mapping[str, Any]
_LARGEST = 2**63 - 1
# The columns that the sort orders are named after, where they have other names.
_SORT_COLUMNS = {"cost": "actual_cost_micro_usd", "duration": "duration_s"}


@dataclass(frozen=True)
class JobFilter:
    """Every criterion narrows the list; lists of values mean any of them. Costs are micro-dollars."""

    statuses: Sequence[str] = ()
    presets: Sequence[str] = ()
    tiers: Sequence[str] = ()
    creators: Sequence[str] = ()
    tags: Sequence[str] = ()
    clients: Sequence[str] = ()
    projects: Sequence[str] = ()
    training_file_id: UUID | None = None
    template_id: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_cost: int | None = None
    max_cost: int | None = None
    text: str = ""


@dataclass(frozen=True)
class JobPage:
    rows: Sequence[Row] = field(default_factory=list)
    next_cursor: str | None = None


async def page(
    database: Database, workspace_id: UUID, criteria: JobFilter, *, sort: str = "created_at",
    descending: bool = True, limit: int = 20, after: str | None = None, columns: str = FULL,
) -> JobPage:
    """At most `limit` rows after the cursor, with the columns of the FULL or the COMPACT view. Raises InvalidCursor."""
    order = f"-{sort}" if descending else sort
    values = _values(criteria)
    last = _position(sort, decode(after, order)) if after else {}
    shape = Shape(frozenset(values), sort, descending, beyond=bool(last), columns=columns)
    rows = await database.rows(statement(shape), **values, **last, workspace_id=workspace_id, rows=limit + 1)
    if len(rows) <= limit:
        return JobPage(rows)
    return JobPage(rows[:limit], _cursor_of(rows[limit - 1], sort, order))


def _values(criteria: JobFilter) -> dict[str, Any]:
    """The criteria that were given, as the driver takes them."""
    convert: dict[str, Callable[[Any], Any]] = {"text": contains_pattern}
    given = {name: value for name, value in vars(criteria).items() if value is not None and value not in ((), [], "")}
    return {name: convert.get(name, _plain)(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    return [str(item) for item in value] if isinstance(value, list | tuple) else value


def _position(sort: str, cursor: Cursor) -> dict[str, Any]:
    return {"last_value": _last_value(sort, cursor), "last_id": cursor.id}


def _last_value(sort: str, cursor: Cursor) -> Any:
    wants_number = sort in ("cost", "duration")
    if wants_number != isinstance(cursor.value, int) or (wants_number and abs(int(cursor.value)) > _LARGEST):
        raise InvalidCursor("the cursor is damaged")
    if sort != "created_at":
        return cursor.value
    try:
        return datetime.fromisoformat(str(cursor.value))
    except ValueError as error:
        raise InvalidCursor("the cursor is damaged") from error


def _cursor_of(row: Row, sort: str, order: str) -> str:
    value = row[_SORT_COLUMNS.get(sort, sort)]
    return Cursor(order, value.isoformat() if isinstance(value, datetime) else value, row["id"]).encode()
