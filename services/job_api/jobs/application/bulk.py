"""Several jobs at once, in one transaction: what can be done is done, the others say why not."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.job_api.callers import Caller
from services.job_api.errors import DomainError
from services.job_api.jobs.application.cancel_job import end_job
from services.job_api.jobs.application.delete_job import delete_job
from services.job_api.jobs.application.queue import LockedQueue, dispatch
from services.job_api.jobs.errors import JobNotFound, MoveRefused


@dataclass(frozen=True)
class Outcome:
    """`refusal` None: it was done."""

    job_id: UUID
    refusal: DomainError | None = None


async def cancel_jobs(
    queue: LockedQueue, caller: Caller, job_ids: Sequence[UUID], reason: str, now: datetime
) -> list[Outcome]:
    """The next ones start when all have ended: none that is to be cancelled too gets a machine first."""
    outcomes = await _each(job_ids, lambda job_id: end_job(queue.tx, caller, job_id, reason, now))
    await dispatch(queue)
    return outcomes


async def delete_jobs(queue: LockedQueue, caller: Caller, job_ids: Sequence[UUID]) -> list[Outcome]:
    return await _each(job_ids, lambda job_id: delete_job(queue.tx, caller, job_id))


async def _each(job_ids: Iterable[UUID], act: Callable[[UUID], Awaitable[object]]) -> list[Outcome]:
    """In the order asked for. A job is refused before anything of it is written, so the transaction goes on; whoever
    locks several jobs holds the queue."""
    outcomes = []
    for job_id in dict.fromkeys(job_ids):
        try:
            await act(job_id)
        except (JobNotFound, MoveRefused) as refusal:
            outcomes.append(Outcome(job_id, refusal))
        else:
            outcomes.append(Outcome(job_id))
    return outcomes
