"""End a pause: money for what remains, then the queue like any start."""

from uuid import UUID

from contracts.gpus import PricingTier
from contracts.job_status import JobAction
from services.job_api.callers import Caller
from services.job_api.jobs.application.commands import Finish, JobContext, ResultT
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.places import with_place
from services.job_api.jobs.application.queue import enter_queue, lock_queue
from services.job_api.jobs.application.reservations import reserved, use_up
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.application.what_remains import ask_for_the_rest, columns_of_the_rest
from services.job_api.jobs.domain.job import check


async def resume_job(
    context: JobContext, caller: Caller, job_id: UUID, tier: PricingTier | None, finish: Finish[ResultT]
) -> ResultT:
    """Raises JobNotFound, MoveRefused, StartInProgress, BudgetExceeded, and ServiceUnavailable when nobody knows the
    budget: the job then stays paused."""
    async with context.database.transaction() as tx:
        request = await ask_for_the_rest(tx, caller, job_id, JobAction.RESUME, tier)
    async with reserved(context, request) as reply, context.database.transaction() as tx:
        queue = await lock_queue(tx, caller.workspace_id, context.queue_limits)
        job = await locked(tx, caller.workspace_id, job_id)
        check(job, JobAction.RESUME)
        await usable_file(tx, job.workspace_id, job.training_file_id, keep=True)
        assert request.reservation_id is not None
        await use_up(tx, job.id, request.reservation_id)
        row = await enter_queue(queue, job, caller.subject, columns_of_the_rest(job, request, reply))
        return await finish(tx, await with_place(tx, row, queue.limits))
