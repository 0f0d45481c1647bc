"""The job list: one keyset page, filtered and sorted, straight from an index."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.repository.jobs import VIEW_COLUMNS, VIEW_FROM
from services.job_api.jobs.tables import training_jobs
from services.job_api.keyset import Cursor, InvalidCursor, decode

_LARGEST = 2**63 - 1

SORTS: dict[str, ColumnElement[Any]] = {
    "created_at": training_jobs.c.created_at,
    "cost": training_jobs.c.actual_cost_micro_usd,
    "duration": training_jobs.c.duration_s,
    "name": training_jobs.c.name,
    "status": training_jobs.c.status,
}


@dataclass(frozen=True)
class JobFilter:
    """Every criterion narrows the list; lists of values mean any of them. Costs are micro-dollars."""

    statuses: Sequence[str] = ()
    presets: Sequence[str] = ()
    tiers: Sequence[str] = ()
    creators: Sequence[str] = ()
    tags: Sequence[str] = ()
    training_file_id: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_cost: int | None = None
    max_cost: int | None = None
    text: str = ""


@dataclass(frozen=True)
class JobPage:
    rows: Sequence[RowMapping] = field(default_factory=list)
    next_cursor: str | None = None


async def page(
    tx: AsyncConnection, workspace_id: UUID, criteria: JobFilter, *, sort: str = "created_at",
    descending: bool = True, limit: int = 20, after: str | None = None,
) -> JobPage:
    """At most `limit` rows after the cursor. Raises InvalidCursor."""
    order = f"-{sort}" if descending else sort
    statement = _ordered(_filtered(workspace_id, criteria), sort, descending).limit(limit + 1)
    if after:
        statement = statement.where(_beyond(sort, descending, decode(after, order)))
    rows = (await tx.execute(statement)).mappings().all()
    if len(rows) <= limit:
        return JobPage(rows)
    return JobPage(rows[:limit], _cursor_of(rows[limit - 1], sort, order))


def _filtered(workspace_id: UUID, criteria: JobFilter) -> Select[Any]:
    jobs = training_jobs.c
    conditions: list[ColumnElement[bool]] = [jobs.workspace_id == workspace_id]
    for column, values in ((jobs.status, criteria.statuses), (jobs.preset, criteria.presets),
                           (jobs.gpu_pricing_tier, criteria.tiers), (jobs.created_by, criteria.creators)):
        if values:
            conditions.append(column.in_(values))
    bounds = ((criteria.created_after, jobs.created_at.__ge__), (criteria.created_before, jobs.created_at.__lt__),
              (criteria.min_cost, jobs.actual_cost_micro_usd.__ge__),
              (criteria.max_cost, jobs.actual_cost_micro_usd.__le__),
              (criteria.training_file_id, jobs.training_file_id.__eq__))
    conditions += [compare(bound) for bound, compare in bounds if bound is not None]
    if criteria.tags:
        conditions.append(jobs.tags.contains(list(criteria.tags)))
    if criteria.text:
        conditions.append(jobs.search_text.contains(criteria.text.lower(), autoescape=True))
    return select(*VIEW_COLUMNS).select_from(VIEW_FROM).where(*conditions)


def _ordered(statement: Select[Any], sort: str, descending: bool) -> Select[Any]:
    keys = (SORTS[sort], training_jobs.c.id)
    return statement.order_by(*(key.desc() if descending else key.asc() for key in keys))


def _beyond(sort: str, descending: bool, cursor: Cursor) -> ColumnElement[bool]:
    position = tuple_(SORTS[sort], training_jobs.c.id)
    last = tuple_(*(_value(sort, cursor), cursor.id))
    return position < last if descending else position > last


def _value(sort: str, cursor: Cursor) -> Any:
    wants_number = sort in ("cost", "duration")
    if wants_number != isinstance(cursor.value, int) or (wants_number and abs(int(cursor.value)) > _LARGEST):
        raise InvalidCursor("the cursor is damaged")
    if sort != "created_at":
        return cursor.value
    try:
        return datetime.fromisoformat(str(cursor.value))
    except ValueError as error:
        raise InvalidCursor("the cursor is damaged") from error


def _cursor_of(row: RowMapping, sort: str, order: str) -> str:
    value = row[SORTS[sort].key]  # type: ignore[index]
    return Cursor(order, value.isoformat() if isinstance(value, datetime) else value, row["id"]).encode()
