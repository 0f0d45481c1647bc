"""A workspace's queue: its lock, who is active, who waits. The time is the database's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.job_status import ACTIVE
from services.job_api.accounts.tables import workspaces
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.repository.job_rows import job_of
from services.job_api.jobs.repository.jobs import EVENT_CHANNEL
from services.job_api.jobs.tables import training_jobs

_jobs = training_jobs.c
_WAITS = _jobs.waiting_since.is_not(None)
_MEMBERS = (
    _jobs.id, _jobs.name, _jobs.created_by, _jobs.preset, _jobs.status, _jobs.eta_s, _jobs.estimated_duration_s,
    _jobs.started_at, _jobs.waiting_since, _jobs.promoted_at, _jobs.start_requested_by,
    _jobs.cost_estimate_micro_usd, func.clock_timestamp().label("now"))


async def lock(tx: AsyncConnection, workspace_id: UUID) -> None:
    """Until the transaction ends nobody else enters, leaves or moves this queue. Taken before any job's lock."""
    statement = select(literal(1)).where(workspaces.c.id == workspace_id)
    await tx.execute(statement.with_for_update(key_share=True))


async def now(tx: AsyncConnection) -> datetime:
    """Of this statement, not of the transaction's beginning, which may lie before others entered the queue."""
    moment: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    return moment


async def members(tx: AsyncConnection, workspace_id: UUID) -> Sequence[Row[Any]]:
    """The active and the waiting jobs, without their texts."""
    statement = select(*_MEMBERS).where(
        _jobs.workspace_id == workspace_id, _jobs.status.in_([status.value for status in ACTIVE]))
    return list(await tx.execute(statement))


async def lock_waiting(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> Job | None:
    statement = select(training_jobs).where(_jobs.id == job_id, _jobs.workspace_id == workspace_id, _WAITS)
    row = (await tx.execute(statement.with_for_update())).mappings().one_or_none()
    return job_of(row) if row else None


async def wake_waiting(tx: AsyncConnection, workspace_id: UUID) -> None:
    """Whoever watches a waiting job sees its new place when the transaction commits."""
    await tx.execute(select(func.count(func.pg_notify(EVENT_CHANNEL, cast(_jobs.id, Text)))).where(
        _jobs.workspace_id == workspace_id, _WAITS))


async def with_waiting(tx: AsyncConnection) -> Sequence[UUID]:
    """Workspaces in which somebody waits."""
    return (await tx.execute(select(_jobs.workspace_id).where(_WAITS).distinct())).scalars().all()
