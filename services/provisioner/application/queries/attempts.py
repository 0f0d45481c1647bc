"""The attempt that asks, as far as it still counts."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from services.provisioner.adapters.database_clock import DatabaseClock
from services.provisioner.adapters.repository import jobs, pods
from services.provisioner.domain.attempts import has_last_words, superseded
from services.provisioner.domain.errors import AttemptSuperseded
from services.provisioner.domain.model import Job, Pod


async def find_attempt(tx: AsyncConnection, job_id: UUID, attempt: int) -> tuple[Job | None, Pod | None]:
    return await jobs.read_job(tx, job_id), await pods.read_pod(tx, job_id, attempt)


async def current_job(
    database: Database, job_id: UUID, attempt: int, *, last_words: DatabaseClock | None = None
) -> Job:
    """The job of an attempt that counts; with a clock also of one that has last words. Raises AttemptSuperseded."""
    async with database.read() as tx:
        job, pod = await find_attempt(tx, job_id, attempt)
        reason = superseded(job, pod)
        if reason is not None and last_words is not None and has_last_words(job, pod, await last_words.now(tx)):
            reason = None
    if reason is not None or job is None:
        raise AttemptSuperseded(attempt, reason or "no such attempt")
    return job
