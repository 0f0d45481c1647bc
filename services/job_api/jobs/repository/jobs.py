"""Reading and writing single jobs. Every read by id names the workspace."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.compiled import CompiledRead
from chassis.database.engine import Database
from services.job_api.files.tables import training_files
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.repository.creators import CREATED_BY_NAME
from services.job_api.jobs.repository.job_rows import job_of
from services.job_api.jobs.tables import training_jobs

# Listeners of job events (services.job_api.jobs.notifier) are woken with the job's id.
EVENT_CHANNEL = "job_events"

_heirs = training_jobs.alias("heirs")
# Jobs that go on from a checkpoint of this one, the oldest first.
_CONTINUED_BY = func.array(
    select(_heirs.c.id).where(_heirs.c.continues == training_jobs.c.id).order_by(_heirs.c.created_at)
    .correlate(training_jobs).scalar_subquery(), type_=ARRAY(Uuid)).label("continued_by")
VIEW_COLUMNS = (*training_jobs.c, training_files.c.name.label("training_file_name"), _CONTINUED_BY, CREATED_BY_NAME)
VIEW_FROM = training_jobs.join(training_files, training_files.c.id == training_jobs.c.training_file_id)
# The same columns of a row that was just changed.
_FILE_NAME = select(training_files.c.name).where(training_files.c.id == training_jobs.c.training_file_id)
_WRITTEN = (*training_jobs.c, _FILE_NAME.scalar_subquery().label("training_file_name"), _CONTINUED_BY,
            CREATED_BY_NAME)

# Statements are built once: building one with sixty columns takes longer than running it.
_IN_WORKSPACE = (training_jobs.c.id == bindparam("b_job_id")) & (
    training_jobs.c.workspace_id == bindparam("b_workspace_id"))
_VIEW = select(*VIEW_COLUMNS).select_from(VIEW_FROM).where(_IN_WORKSPACE)
_SHOWN = CompiledRead(_VIEW)
_FIND = select(training_jobs).where(_IN_WORKSPACE)
_LOCK = _FIND.with_for_update()
_ADD = insert(training_jobs).returning(*training_jobs.c)
_SAVE = update(training_jobs).where(training_jobs.c.id == bindparam("b_job_id")).values(updated_at=func.now())
_SAVE_AND_VIEW = _SAVE.returning(*_WRITTEN)
_NOTIFY = text("SELECT pg_notify(:channel, :job)")


async def view(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> RowMapping | None:
    """The row as the API shows it, or None: unknown and foreign ids are not told apart."""
    return (await tx.execute(_VIEW, _key(workspace_id, job_id))).mappings().one_or_none()


async def shown(database: Database, workspace_id: UUID, job_id: UUID) -> Mapping[str, Any] | None:
    """`view` where nothing else is read with it: the API's most frequent request, by the shortest way."""
    rows = await database.rows(_SHOWN, **_key(workspace_id, job_id))
    return rows[0] if rows else None


async def find(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> Job | None:
    row = (await tx.execute(_FIND, _key(workspace_id, job_id))).mappings().one_or_none()
    return job_of(row) if row else None


async def lock(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> Job | None:
    """The job, locked until the transaction ends. The order of a job's events is the order of these locks."""
    row = (await tx.execute(_LOCK, _key(workspace_id, job_id))).mappings().one_or_none()
    return job_of(row) if row else None


async def add(tx: AsyncConnection, values: dict[str, Any]) -> RowMapping:
    """The row as it was written, defaults included."""
    return (await tx.execute(_ADD, values)).mappings().one()


async def save(tx: AsyncConnection, job_id: UUID, values: dict[str, Any]) -> None:
    await tx.execute(_SAVE, {"b_job_id": job_id, **values})


async def save_and_view(tx: AsyncConnection, job_id: UUID, values: dict[str, Any]) -> RowMapping:
    """The row as the API shows it afterwards."""
    return (await tx.execute(_SAVE_AND_VIEW, {"b_job_id": job_id, **values})).mappings().one()


async def remove(tx: AsyncConnection, job_id: UUID) -> None:
    """The job and, by cascade, its events."""
    await tx.execute(delete(training_jobs).where(training_jobs.c.id == job_id))


async def wake_listeners(tx: AsyncConnection, job_id: UUID) -> None:
    """Delivered when the transaction commits."""
    await tx.execute(_NOTIFY, {"channel": EVENT_CHANNEL, "job": str(job_id)})


def _key(workspace_id: UUID, job_id: UUID) -> dict[str, UUID]:
    return {"b_workspace_id": workspace_id, "b_job_id": job_id}
