"""Every event about a job, ours or another's, becomes part of its history exactly once."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import Event, EventData, new_event
from contracts.events import PodInterrupted, TrainingProgressed
from services.job_api.jobs.application.counting import count_move
from services.job_api.jobs.domain.job import Decision, Job
from services.job_api.jobs.domain.snapshots import Keep, is_snapshot, keep
from services.job_api.jobs.repository import events, jobs, snapshots
from services.job_api.jobs.repository.job_rows import state_columns

SOURCE = "/services/job_api"
_PROGRESS = TrainingProgressed.subject_prefix()


class JobLog:
    """Writes the log of one job, which is locked or not yet committed, after number `last_seq`."""

    def __init__(self, tx: AsyncConnection, job_id: UUID, last_seq: int) -> None:
        self._tx, self._job_id, self.last_seq = tx, job_id, last_seq

    async def take(self, event: Event[Any], *, ended: bool, milestone: bool = False) -> Keep:
        """Log an event from outside, or keep it as the newest snapshot. DROP: it is known or older than what is."""
        if isinstance(event.data, PodInterrupted) and await self._knows_interruption(event.data.attempt):
            return Keep.DROP
        if not is_snapshot(event.data):
            return Keep.LOG if await self._append(event) else Keep.DROP
        before = await snapshots.find(self._tx, self._job_id, event.data.subject_prefix())
        found = keep(event.data, before, ended=ended, milestone=milestone)
        if found is Keep.LOG and not await self._append(event):
            return Keep.DROP
        if found is not Keep.DROP:
            await snapshots.put(self._tx, event, logged=found is Keep.LOG)
        return found

    async def publish(self, published: Iterable[EventData]) -> None:
        """Publish events of ours and log them."""
        for data in published:
            event = new_event(data, source=SOURCE)
            await emit(self._tx, event)
            await self._append(event)

    async def append_last_progress(self) -> None:
        """How far the run was, before the log says that it goes on, stops or ends."""
        row = await snapshots.unlogged(self._tx, self._job_id, _PROGRESS)
        if row is not None and await events.append_snapshot(self._tx, row, self.last_seq + 1):
            self.last_seq += 1
            await snapshots.mark_logged(self._tx, self._job_id, _PROGRESS)

    async def _knows_interruption(self, attempt: int) -> bool:
        """The trainer, the provisioner's clock and the provider may all tell of the same end: it is one."""
        return await events.tells_of_interruption(self._tx, self._job_id, attempt)

    async def _append(self, event: Event[Any]) -> bool:
        written = await events.append(self._tx, event, self.last_seq + 1)
        self.last_seq += written
        return written


async def apply_decision(
    tx: AsyncConnection, job: Job, decision: Decision, columns: dict[str, Any] | None = None
) -> RowMapping:
    """Publish and log what was decided about a locked job, and save where it leads, with further `columns`.

    Returns the job's row as the API shows it.
    """
    log = JobLog(tx, job.id, job.event_seq)
    await log.append_last_progress()
    await log.publish(decision.events)
    await count_move(tx, job, decision.state)
    await jobs.wake_listeners(tx, job.id)
    return await jobs.save_and_view(
        tx, job.id, state_columns(decision.state) | (columns or {}) | {"event_seq": log.last_seq})
