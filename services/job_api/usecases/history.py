"""Every event about a job, ours or another's, becomes part of its history exactly once."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import EventData, new_event
from services.job_api.repository import events, jobs

SOURCE = "/services/job_api"


async def say(tx: AsyncConnection, job_id: UUID, last_seq: int, said: Iterable[EventData]) -> int:
    """Publish events about a locked job and log them after number `last_seq`. Returns the new last number."""
    heard = last_seq > 0  # nobody waits for news of a job that did not exist
    for data in said:
        event = new_event(data, source=SOURCE)
        await emit(tx, event)
        if await events.append(tx, event, last_seq + 1):
            last_seq += 1
    if heard:
        await jobs.wake_listeners(tx, job_id)
    return last_seq
