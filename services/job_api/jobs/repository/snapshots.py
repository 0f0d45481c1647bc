"""The newest snapshot of each kind of a job. Its row must be locked for writing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from services.job_api.jobs.domain.snapshots import Snapshot
from services.job_api.jobs.repository.events import entry
from services.job_api.jobs.tables import job_snapshots

_snapshots = job_snapshots.c
_NEWEST = ("event_id", "source", "level", "message", "attempt", "payload", "occurred_at", "logged")
_INSERT = insert(job_snapshots)
_PUT = _INSERT.on_conflict_do_update(
    index_elements=["job_id", "type"],
    set_={name: _INSERT.excluded[name] for name in _NEWEST} | {"received_at": func.now()})


async def find(tx: AsyncConnection, job_id: UUID, kind: str) -> Snapshot | None:
    statement = select(_snapshots.attempt, _snapshots.payload, _snapshots.logged)
    row = (await tx.execute(statement.where(_snapshots.job_id == job_id, _snapshots.type == kind))).one_or_none()
    return None if row is None else Snapshot(row.attempt, row.payload, row.logged)


async def put(tx: AsyncConnection, event: Event[Any], *, logged: bool) -> None:
    values = entry(event)
    del values["workspace_id"], values["trace_id"]
    await tx.execute(_PUT, values | {"logged": logged})


async def newest(tx: AsyncConnection, job_id: UUID) -> Sequence[RowMapping]:
    """One of each kind."""
    return (await tx.execute(select(job_snapshots).where(_snapshots.job_id == job_id))).mappings().all()


async def unlogged(tx: AsyncConnection, job_id: UUID, kind: str) -> RowMapping | None:
    """The newest of its kind, unless it stands in the log."""
    mine = (_snapshots.job_id == job_id) & (_snapshots.type == kind)
    return (await tx.execute(select(job_snapshots).where(mine, ~_snapshots.logged))).mappings().one_or_none()


async def mark_logged(tx: AsyncConnection, job_id: UUID, kind: str) -> None:
    mine = (_snapshots.job_id == job_id) & (_snapshots.type == kind)
    await tx.execute(update(job_snapshots).where(mine).values(logged=True))
