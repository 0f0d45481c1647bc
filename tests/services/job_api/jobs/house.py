"""Jobs of one workspace without REST and broker: the use cases over PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.database.engine import Database
from contracts.envelope import EventData, new_event
from contracts.events import PodFailed
from contracts.job_status import ACTIVE
from services.job_api.callers import Caller
from services.job_api.jobs.application.cancel_job import cancel_job
from services.job_api.jobs.application.commands import JobContext, NewJob
from services.job_api.jobs.application.create_job import create_job
from services.job_api.jobs.application.queue import lock_queue, promote
from services.job_api.jobs.application.record_event import record_event
from services.job_api.jobs.application.reservations import release_abandoned
from services.job_api.jobs.application.start_job import start_job
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.tables import job_events, training_jobs
from tests.services.job_api.cost_guard import CostGuard
from tests.services.job_api.jobs.steps import SteppedCostGuard, SteppedDatabase, Steps, context_of

NOW = timedelta(0)
TABLE = training_jobs.c


async def job_row(_: Any, row: Any) -> Any:
    return row


class House:
    """A workspace with a file, its database, and the service that holds the money."""

    def __init__(self, database: Database, caller: Caller, file_id: UUID, limits: QueueLimits) -> None:
        self.database, self.caller, self.file_id, self.limits = database, caller, file_id, limits
        self.cost_guard = CostGuard()

    def context(self, steps: Steps | None = None) -> JobContext:
        return replace(context_of(self.database, self.cost_guard, steps), queue_limits=self.limits)

    async def create(self, steps: Steps | None = None, *, start: bool = False, by: str = "") -> UUID:
        caller = replace(self.caller, subject=by) if by else self.caller
        row = await create_job(self.context(steps), caller, NewJob(self.file_id), job_row, start=start)
        found: UUID = row["id"]
        return found

    async def start(self, job_id: UUID, steps: Steps | None = None) -> None:
        await start_job(self.context(steps), self.caller, job_id, job_row)

    async def release(self, steps: Steps | None = None, older_than: timedelta = NOW) -> int:
        if steps is None:
            return await release_abandoned(self.database, self.cost_guard, older_than)
        stepped: Any = SteppedDatabase(self.database, steps)
        return await release_abandoned(stepped, SteppedCostGuard(self.cost_guard, steps), older_than)

    async def status(self, job_id: UUID) -> str | None:
        async with self.database.read() as tx:
            statement = select(training_jobs.c.status).where(training_jobs.c.id == job_id)
            return (await tx.execute(statement)).scalar_one_or_none()

    async def cancel(self, job_id: UUID) -> None:
        async with self.database.transaction() as tx:
            queue = await lock_queue(tx, self.caller.workspace_id, self.limits)
            await cancel_job(queue, self.caller, job_id, "", self.context().clock.now())

    async def promote(self, job_id: UUID) -> None:
        async with self.database.transaction() as tx:
            queue = await lock_queue(tx, self.caller.workspace_id, self.limits)
            await promote(queue, self.caller, job_id)

    async def tell(self, data: EventData) -> None:
        """An event about a job, as its handler records it."""
        async with self.database.transaction() as tx:
            await record_event(tx, new_event(data, source="/test"), self.limits)

    async def fail(self, job_id: UUID) -> None:
        await self.tell(PodFailed(
            job_id=job_id, workspace_id=self.caller.workspace_id, attempt=1, pod_name="p",
            error_type="provisioning", message="m", suggested_fix="f"))

    async def started(self) -> list[UUID]:
        """Jobs in the order in which their machines were asked for."""
        statement = select(job_events.c.job_id).where(job_events.c.type == "job.start_requested")
        async with self.database.read() as tx:
            return list((await tx.execute(statement.order_by(job_events.c.occurred_at))).scalars())

    async def waiting(self) -> set[UUID]:
        async with self.database.read() as tx:
            return set((await tx.execute(select(TABLE.id).where(TABLE.waiting_since.is_not(None)))).scalars())

    async def active(self) -> list[str]:
        """The user of each job that has a place."""
        statuses = [status.value for status in ACTIVE]
        statement = select(TABLE.created_by).where(TABLE.waiting_since.is_(None), TABLE.status.in_(statuses))
        async with self.database.read() as tx:
            return list((await tx.execute(statement)).scalars())

    async def check(self) -> None:
        """Every queued job holds its own money, and nothing else holds any."""
        async with self.database.read() as tx:
            jobs = (await tx.execute(select(training_jobs.c.id, training_jobs.c.reservation_id).where(
                training_jobs.c.status == "queued"))).all()
            starts = (await tx.execute(select(job_events.c.job_id).where(
                job_events.c.type == "job.start_requested"))).scalars().all()
        assert self.cost_guard.reserved == {job.id: job.reservation_id for job in jobs}
        assert sorted(starts) == sorted(job.id for job in jobs)  # each was queued once
