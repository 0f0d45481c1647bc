"""Events in."""

from collections.abc import Mapping

from chassis.messaging.consume import Handler
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event, EventData
from contracts.events import JobDeleted
from services.metrics_ingest.tables import jobs


async def on_job_deleted(event: Event[JobDeleted], tx: AsyncConnection) -> None:
    """From now on nobody sees the job; the cleaner removes the rows. A job that never reported gets its tombstone
    too: its reports may still be on their way."""
    statement = insert(jobs).values(
        job_id=event.data.job_id, workspace_id=event.data.workspace_id, deleted_at=func.now()
    )
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[jobs.c.job_id], set_={"deleted_at": func.coalesce(jobs.c.deleted_at, func.now())}
        )
    )


def job_handlers() -> Mapping[type[EventData], Handler]:
    return {JobDeleted: on_job_deleted}
