"""What operators see of all workspaces: whose machines' jobs are, and who waits."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.job_status import ACTIVE
from services.job_api.accounts.tables import users, workspaces
from services.job_api.jobs.tables import training_jobs
from services.job_api.operations.domain import JobOwner, QueueOfWorkspace

_jobs = training_jobs.c
_WAITS = _jobs.waiting_since.is_not(None)


async def owners(tx: AsyncConnection, job_ids: Collection[UUID]) -> dict[UUID, JobOwner]:
    source = training_jobs.join(workspaces, workspaces.c.id == _jobs.workspace_id).outerjoin(
        users, cast(users.c.id, Text) == _jobs.created_by)
    statement = select(
        _jobs.id, _jobs.name, workspaces.c.name, _jobs.created_by, users.c.email, _jobs.actual_cost_micro_usd,
        _jobs.status, _jobs.status_since,
    ).select_from(source).where(_jobs.id.in_(job_ids))
    return {row[0]: JobOwner(*row[1:]) for row in await tx.execute(statement)}


async def queues(tx: AsyncConnection) -> list[QueueOfWorkspace]:
    """Of the workspaces in which a job is active or waits."""
    statement = select(
        workspaces.c.id, workspaces.c.name, func.count().filter(~_WAITS), func.count().filter(_WAITS),
        func.count().filter(_jobs.machines_ahead.is_not(None)), func.min(_jobs.waiting_since),
    ).join_from(training_jobs, workspaces, workspaces.c.id == _jobs.workspace_id).where(
        _jobs.status.in_([status.value for status in ACTIVE])).group_by(workspaces.c.id, workspaces.c.name)
    rows: Any = await tx.execute(statement.order_by(workspaces.c.name))
    return [QueueOfWorkspace(*row) for row in rows]
