"""What happened to a job, in the transaction of its event."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event, JobEventData
from contracts.events import JobDeleted
from services.cost_guard.adapters.repository import jobs
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.settings import Settings


async def note_job(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> None:
    await jobs.add(tx, job_id, workspace_id)


async def delete_job(tx: AsyncConnection, data: JobDeleted) -> None:
    """It never started: nothing was billed. Its reservation, if one was left behind, goes."""
    await jobs.change(tx, data.job_id, reserved_micro_usd=0, reservation_id=None)


async def end_job(tx: AsyncConnection, event: Event[JobEventData], settings: Settings, now: datetime) -> None:
    await jobs.add(tx, event.data.job_id, event.data.workspace_id)
    await jobs.change(tx, event.data.job_id, ended_at=event.time, outcome=event.data.event)
    await report_cost(tx, event.data.job_id, settings, now)
