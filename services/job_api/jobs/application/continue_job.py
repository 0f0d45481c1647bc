"""A new job that goes on from the newest checkpoint of one that failed or was cancelled, with changed settings."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters
from contracts.job_status import JobAction, JobStatus
from contracts.rpc import pods
from contracts.rpc.pods import CheckpointView, JobCheckpointsQuery
from services.job_api.callers import Caller
from services.job_api.jobs.application.commands import Finish, JobContext, NewJob, ResultT
from services.job_api.jobs.application.create_job import prepare_job, write_job
from services.job_api.jobs.domain.configuration import Configuration, changes
from services.job_api.jobs.domain.job import Job, check
from services.job_api.jobs.domain.steering import blocked_reason, continued, epochs_at, refuse_what_stays
from services.job_api.jobs.errors import ContinuationRefused, JobNotFound
from services.job_api.jobs.repository import jobs

_LONGEST_NAME = 255
_SUFFIX = " (continued)"


@dataclass(frozen=True)
class Continuation:
    """What the new job does otherwise. `remaining_epochs` counts from the epoch in which the checkpoint lies."""

    name: str = ""
    overrides: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    remaining_epochs: int | None = None
    pricing_tier: PricingTier | None = None
    gpu_type: GpuType | None = None


async def continue_job(
    context: JobContext, caller: Caller, job_id: UUID, wanted: Continuation, finish: Finish[ResultT], *,
    start: bool = False,
) -> ResultT:
    """Raises JobNotFound, MoveRefused for a job that did not fail and was not cancelled, ContinuationRefused where
    nothing is left to go on from or a setting cannot change, what `create_job` raises, and ServiceUnavailable when
    nobody knows the checkpoints."""
    job = await _ended_job(context, caller, job_id)
    refuse_what_stays(job, wanted.overrides.model_dump(exclude_none=True))
    newest = await _newest(context, job)
    done_epochs = epochs_at(job, newest.step)
    configuration = _configuration(job, wanted, done_epochs)
    prepared = await prepare_job(context, caller, _new_job(job, wanted), configuration, done_epochs=done_epochs)
    row = prepared.row | {
        "continues": job.id, "continues_from_step": newest.step, "done_epochs": done_epochs,
        "adjustments": changes(job.configuration, configuration)}
    return await write_job(context, replace(prepared, row=row), finish, start=start)


async def _ended_job(context: JobContext, caller: Caller, job_id: UUID) -> Job:
    async with context.database.read() as tx:
        job = await jobs.find(tx, caller.workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    why = blocked_reason(job.state.status, has_checkpoint=job.state.last_checkpoint_step is not None,
                         expired=job.checkpoints_expired)
    if why is not None and job.state.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise ContinuationRefused(job.id, why)
    check(job, JobAction.CONTINUE)
    return job


async def _newest(context: JobContext, job: Job) -> CheckpointView:
    """The provisioner's word: what it has deleted is gone. Raises ContinuationRefused."""
    found = await context.rpc.request(pods.JOB_CHECKPOINTS, JobCheckpointsQuery(
        job_id=job.id, workspace_id=job.workspace_id))
    if not found.checkpoints:
        raise ContinuationRefused(job.id, "Its checkpoints were deleted; a retry begins anew.")
    if not job.state.total_steps:
        raise ContinuationRefused(job.id, "How far its newest checkpoint had come was never heard.")
    return found.checkpoints[0]


def _configuration(job: Job, wanted: Continuation, done_epochs: float) -> Configuration:
    before = job.configuration
    values = continued(job, done_epochs, wanted.remaining_epochs).model_dump()
    values |= wanted.overrides.model_dump(exclude_none=True)
    return replace(
        before, hyperparameters=Hyperparameters.model_validate(values),
        pricing_tier=wanted.pricing_tier or before.pricing_tier, gpu_type=wanted.gpu_type or before.gpu_type)


def _new_job(job: Job, wanted: Continuation) -> NewJob:
    name = wanted.name or job.name.removesuffix(_SUFFIX)[: _LONGEST_NAME - len(_SUFFIX)] + _SUFFIX
    return NewJob(training_file_id=job.training_file_id, preset=job.configuration.preset, name=name,
                  description=job.description, notes=job.notes, tags=job.tags,
                  client=job.client, project=job.project)
