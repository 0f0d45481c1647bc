"""Every event about a job, ours or another's, becomes part of its history exactly once."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import EventData, new_event
from services.job_api.jobs.domain.job import Decision, Job
from services.job_api.jobs.repository import events, jobs
from services.job_api.jobs.repository.job_rows import state_columns

SOURCE = "/services/job_api"


async def publish_events(tx: AsyncConnection, job_id: UUID, last_seq: int, published: Iterable[EventData]) -> int:
    """Publish events about a locked job and log them after number `last_seq`. Returns the new last number."""
    for data in published:
        event = new_event(data, source=SOURCE)
        await emit(tx, event)
        if await events.append(tx, event, last_seq + 1):
            last_seq += 1
    return last_seq


async def apply_decision(
    tx: AsyncConnection, job: Job, decision: Decision, columns: dict[str, Any] | None = None
) -> RowMapping:
    """Publish and log what was decided about a locked job, and save where it leads, with further `columns`.

    Returns the job's row as the API shows it.
    """
    last_seq = await publish_events(tx, job.id, job.event_seq, decision.events)
    await jobs.wake_listeners(tx, job.id)
    return await jobs.save_and_view(
        tx, job.id, state_columns(decision.state) | (columns or {}) | {"event_seq": last_seq})
