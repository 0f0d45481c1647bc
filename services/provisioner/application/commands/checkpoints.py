"""Which checkpoints a pod can resume from, and which it has given up."""

from uuid import UUID

from sqlalchemy import Row

from chassis.database.engine import Database
from chassis.objects.store import ObjectStore
from contracts.rpc.pods import CheckpointOffer, DeleteCheckpoint, ListCheckpoints, ListCheckpointsReply
from services.provisioner.adapters.database_clock import DatabaseClock
from services.provisioner.adapters.repository import checkpoints, jobs
from services.provisioner.application.commands.training import save_checkpoint
from services.provisioner.application.queries.attempts import current_job
from services.provisioner.application.queries.unreported_checkpoints import unreported_checkpoints
from services.provisioner.domain.errors import NewestCheckpointKept
from services.provisioner.domain.model import Job
from services.provisioner.domain.storage import job_prefix

_OFFERED = 10


async def offer_checkpoints(
    database: Database, objects: ObjectStore, job_id: UUID, asked: ListCheckpoints, clock: DatabaseClock
) -> ListCheckpointsReply:
    """Newest first. Of a second attempt on, what was saved and never reported is found as well. A job that continues
    another one and has saved nothing itself is offered the other's.

    Raises AttemptSuperseded.
    """
    job = await current_job(database, job_id, asked.attempt)
    if asked.attempt > 1:
        await _save_unreported(database, objects, job, clock)
    async with database.read() as tx:
        own = await checkpoints.newest(tx, job.job_id, _OFFERED)
    if own or job.spec is None or job.spec.continues is None:
        return ListCheckpointsReply(checkpoints=tuple(_offer(job, row) for row in own))
    return await _of_the_continued(database, objects, job, job.spec.continues, clock)


async def _of_the_continued(
    database: Database, objects: ObjectStore, job: Job, continued: UUID, clock: DatabaseClock
) -> ListCheckpointsReply:
    async with database.read() as tx:
        before = await jobs.read_job(tx, continued)
    if before is None or before.workspace_id != job.workspace_id:
        return ListCheckpointsReply(checkpoints=())
    await _save_unreported(database, objects, before, clock)
    async with database.read() as tx:
        rows = await checkpoints.newest(tx, before.job_id, _OFFERED)
    return ListCheckpointsReply(checkpoints=tuple(
        _offer(before, row).model_copy(update={"job_id": before.job_id}) for row in rows))


async def give_up_checkpoint(database: Database, job_id: UUID, which: DeleteCheckpoint, clock: DatabaseClock) -> None:
    """Offer it no more. Repeating it is no error. Raises NewestCheckpointKept, AttemptSuperseded."""
    job = await current_job(database, job_id, which.attempt)
    async with database.transaction() as tx:
        newest = await checkpoints.newest(tx, job.job_id, 1)
        if newest and (newest[0].attempt, newest[0].step) == (which.checkpoint_attempt, which.step):
            raise NewestCheckpointKept("The newest checkpoint cannot be deleted.")
        await checkpoints.mark_deleted(tx, job.job_id, await clock.now(tx), attempt=which.checkpoint_attempt,
                                       step=which.step)


async def _save_unreported(database: Database, objects: ObjectStore, job: Job, clock: DatabaseClock) -> None:
    async with database.read() as tx:
        known = await checkpoints.known(tx, job.job_id)
    for saved in await unreported_checkpoints(objects, job, known):
        async with database.transaction() as tx:
            await save_checkpoint(tx, saved, now=await clock.now(tx))


def _offer(job: Job, row: Row) -> CheckpointOffer:
    prefix = job_prefix(job.workspace_id, job.job_id)
    return CheckpointOffer(attempt=row.attempt, step=row.step, manifest_key=row.manifest_key.removeprefix(prefix),
                           manifest_sha256=row.manifest_sha256)
