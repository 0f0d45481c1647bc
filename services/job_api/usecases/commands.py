"""The commands on jobs: each reads, asks, and then writes effect and answer in one transaction."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from contracts.rpc.costs import ReserveReply, ReserveRequest
from services.job_api import presenters, problems
from services.job_api.edge.idempotency import Once
from services.job_api.ports import Asks
from services.job_api.repository import jobs
from services.job_api.usecases import create_job, end_job, retry_job, start_job
from services.job_api.usecases.create_job import Prepared
from services.job_api.usecases.requests import Caller, Defaults, NewJob, Retry

Document = dict[str, Any]


@dataclass(frozen=True)
class JobCommands:
    """Answers are jobs as the API shows them. Refusals are problems; a refused command has no effect."""

    database: Database
    asks: Asks
    estimates: Asks
    clock: Clock
    defaults: Defaults

    async def create(self, caller: Caller, wanted: NewJob, *, start: bool, once: Once) -> Document:
        """With `start` the job is created and queued, or - when the budget refuses - neither."""
        configuration = create_job.configure(wanted, self.defaults)
        new = await create_job.prepare(self.database, self.estimates, caller, wanted, configuration, self.clock.now())
        return await self._insert(caller, new, {}, start=start, once=once)

    async def retry(self, caller: Caller, job_id: UUID, retry: Retry, *, start: bool, once: Once) -> Document:
        job = await retry_job.ended_job(self.database, caller, job_id)
        wanted, configuration, ties = retry_job.again(job, retry)
        new = await create_job.prepare(self.database, self.estimates, caller, wanted, configuration, self.clock.now())
        return await self._insert(caller, new, ties, start=start, once=once)

    async def start(self, caller: Caller, job_id: UUID, once: Once) -> Document:
        request = await start_job.startable(self.database, caller, job_id)
        reply = await start_job.reserve(self.database, self.asks, request)
        async with self.database.transaction() as tx:
            await start_job.enqueue(tx, self.clock, caller, job_id, reply)
            return await self._answer(tx, caller, job_id, 200, once)

    async def cancel(self, caller: Caller, job_id: UUID, reason: str, once: Once) -> Document:
        async with self.database.transaction() as tx:
            await end_job.cancel_job(tx, self.clock, caller, job_id, reason)
            return await self._answer(tx, caller, job_id, 200, once)

    async def edit(self, caller: Caller, job_id: UUID, given: Document) -> Document:
        async with self.database.transaction() as tx:
            await end_job.edit_job(tx, caller, job_id, given)
            return await self._answer(tx, caller, job_id, 200, Once())

    async def delete(self, caller: Caller, job_id: UUID) -> None:
        async with self.database.transaction() as tx:
            await end_job.delete_job(tx, caller, job_id)

    async def _insert(
        self, caller: Caller, new: Prepared, ties: Document, *, start: bool, once: Once
    ) -> Document:
        row = new.row | ties
        reply = await self._reserve_for(caller, new) if start else None
        async with self.database.transaction() as tx:
            written = await create_job.insert(tx, row)
            if reply is not None:
                await start_job.enqueue(tx, self.clock, caller, row["id"], reply)
                return await self._answer(tx, caller, row["id"], 201, once)
            document = presenters.plain(presenters.job(written))
            await once.store(tx, 201, document)
            return document

    async def _reserve_for(self, caller: Caller, new: Prepared) -> ReserveReply:
        """The budget's yes for a job that is about to be written; its id is known already."""
        request = ReserveRequest(job_id=new.row["id"], job_name=new.row["name"], requested_by=caller.subject,
                                 estimate=new.estimate)
        return await start_job.reserve(self.database, self.asks, request)

    async def _answer(self, tx: AsyncConnection, caller: Caller, job_id: UUID, status: int, once: Once) -> Document:
        row = await jobs.view(tx, caller.workspace_id, job_id)
        if row is None:
            raise problems.job_not_found(job_id)
        document = presenters.plain(presenters.job(row))
        await once.store(tx, status, document)
        return document
