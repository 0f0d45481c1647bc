"""A retry is a new job: the old one's file and configuration, with the change that answers its error."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters
from contracts.job_status import JobAction
from services.job_api.callers import Caller
from services.job_api.jobs.application.commands import Finish, JobContext, NewJob, ResultT, Retry
from services.job_api.jobs.application.create_job import prepare_job, write_job
from services.job_api.jobs.domain.configuration import Configuration, adjusted, changes
from services.job_api.jobs.domain.job import Job, check
from services.job_api.jobs.errors import InvalidValues, JobNotFound
from services.job_api.jobs.repository import jobs

_LONGEST_NAME = 255


async def retry_job(
    context: JobContext, caller: Caller, job_id: UUID, retry: Retry, finish: Finish[ResultT], *, start: bool = False
) -> ResultT:
    """Raises JobNotFound, MoveRefused for a job that has not ended, and what `create_job` raises."""
    job = await _ended_job(context, caller, job_id)
    configuration = _configuration(job, retry)
    prepared = await prepare_job(context, caller, _new_job(job, retry), configuration)
    row = prepared.row | _retry_columns(job, configuration)
    return await write_job(context, replace(prepared, row=row), finish, start=start)


async def _ended_job(context: JobContext, caller: Caller, job_id: UUID) -> Job:
    async with context.database.read() as tx:
        job = await jobs.find(tx, caller.workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    check(job, JobAction.RETRY)
    return job


def _new_job(job: Job, retry: Retry) -> NewJob:
    """The new job as if a user had asked for it."""
    return NewJob(
        training_file_id=job.training_file_id, preset=job.configuration.preset, name=retry.name or _next_name(job),
        description=job.description, notes=job.notes if retry.notes is None else retry.notes, tags=job.tags)


def _configuration(job: Job, retry: Retry) -> Configuration:
    before = job.configuration
    error_type = job.state.error_type if retry.apply_adjustments else None
    values = _overridden(adjusted(before.hyperparameters, error_type), retry.overrides)
    return replace(before, hyperparameters=values, pricing_tier=retry.pricing_tier or before.pricing_tier)


def _retry_columns(job: Job, after: Configuration) -> dict[str, Any]:
    """What ties the new job to the old one, and what it does differently."""
    before = job.configuration
    differences = changes(before.hyperparameters, after.hyperparameters)
    if after.pricing_tier is not before.pricing_tier:
        differences.append({
            "field": "gpu_pricing_tier", "from": before.pricing_tier.value, "to": after.pricing_tier.value})
    return {"retry_of": job.id, "retry_count": job.retry_count + 1, "adjustments": differences}


def _overridden(values: Hyperparameters, overrides: HyperparameterOverrides) -> Hyperparameters:
    try:
        return Hyperparameters.model_validate(values.model_dump() | overrides.model_dump(exclude_none=True))
    except ValidationError as error:
        raise InvalidValues(error.errors(), "hyperparameters") from error


def _next_name(job: Job) -> str:
    base = job.name.removesuffix(f" (retry {job.retry_count})") if job.retry_count else job.name
    suffix = f" (retry {job.retry_count + 1})"
    return base[: _LONGEST_NAME - len(suffix)] + suffix
