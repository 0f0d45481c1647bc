"""Jobs by how long they have had their status; the time is the database's."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.job_status import JobStatus
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.repository.job_rows import job_of
from services.job_api.jobs.tables import training_jobs

_jobs = training_jobs.c
_AT_ONCE = 100


async def overdue(tx: AsyncConnection, limits: Mapping[JobStatus, timedelta]) -> Sequence[tuple[UUID, UUID]]:
    """(workspace id, job id), those that wait longest first."""
    statement = select(_jobs.workspace_id, _jobs.id).where(_too_long(limits)).order_by(_jobs.status_since)
    return [(row.workspace_id, row.id) for row in await tx.execute(statement.limit(_AT_ONCE))]


async def lock_overdue(
    tx: AsyncConnection, workspace_id: UUID, job_id: UUID, limits: Mapping[JobStatus, timedelta]
) -> tuple[Job, datetime] | None:
    """The job and the time, unless it is overdue no more or somebody else holds it."""
    statement = select(training_jobs, func.now().label("now")).where(
        _jobs.id == job_id, _jobs.workspace_id == workspace_id, _too_long(limits))
    row = (await tx.execute(statement.with_for_update(skip_locked=True))).mappings().one_or_none()
    return None if row is None else (job_of(row), row["now"])


def _too_long(limits: Mapping[JobStatus, timedelta]) -> ColumnElement[bool]:
    """Who waits for its turn may do so for ever: others run meanwhile, and each of them has an end."""
    too_long = [and_(_jobs.status == status.value, _jobs.machines_ahead.is_(None),
                     _jobs.status_since < func.now() - limit) for status, limit in limits.items()]
    in_line = _jobs.machines_ahead.is_not(None) & (_jobs.status_since < func.now() - limits[JobStatus.PROVISIONING])
    return and_(_jobs.waiting_since.is_(None), _jobs.status.in_([status.value for status in limits]),
                or_(in_line, *too_long))
