"""Where waiting jobs stand, for those who look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row as Selected
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from services.job_api.jobs.application.people import jobs_with_names, name_somebody, queued_with_names
from services.job_api.jobs.domain.queue import Place, QueueLimits, places
from services.job_api.jobs.repository import queue
from services.job_api.jobs.repository.job_rows import Row, active_job_of, waiting_job_of


async def with_place(tx: AsyncConnection, row: Row, limits: QueueLimits) -> Row:
    """The row as it is shown: of a job that waits for its turn, with its `place`; members by their names."""
    return (await with_places(tx, [row], limits))[0]


async def with_places(tx: AsyncConnection, rows: Sequence[Row], limits: QueueLimits) -> Sequence[Row]:
    """Rows of one workspace; nothing is asked where none of them waits or names anybody."""
    rows = await jobs_with_names(tx, rows)
    waiting = next((row for row in rows if row["waiting_since"] is not None), None)
    if waiting is None:
        return rows
    found = _places(await queue.members(tx, waiting["workspace_id"]), limits)
    return [{**row, "place": found[row["id"]]} if row["id"] in found else row for row in rows]


async def read_with_places(database: Database, rows: Sequence[Row], limits: QueueLimits) -> Sequence[Row]:
    """`with_places` for rows that were read by the short way: most of the time no further question is asked."""
    if all(row["waiting_since"] is None for row in rows) and not name_somebody(rows):
        return rows
    async with database.read() as tx:
        return await with_places(tx, rows, limits)


@dataclass(frozen=True)
class Queue:
    """`waiting`: rows with their `place`, in order; `active`: how many jobs have one already."""

    waiting: Sequence[Row]
    active: int


async def read_queue(database: Database, workspace_id: UUID, limits: QueueLimits) -> Queue:
    async with database.read() as tx:
        members = await queue.members(tx, workspace_id)
        named = await queued_with_names(tx, workspace_id, [row._mapping for row in members])
    found, rows = _places(members, limits), {row["id"]: row for row in named}
    return Queue([{**rows[id_], "place": place} for id_, place in found.items()], len(members) - len(found))


def _places(members: Sequence[Selected[Any]], limits: QueueLimits) -> Mapping[UUID, Place]:
    """By id, in order."""
    waiting = [waiting_job_of(row) for row in members if row.waiting_since is not None]
    active = [active_job_of(row) for row in members if row.waiting_since is None]
    return places(active, waiting, limits, members[0].now) if members else {}
