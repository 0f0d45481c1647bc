"""A retry is a new job: the old one's file and configuration, with the change that answers its error."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters
from contracts.job_status import JobAction
from services.job_api.base_models import shown_base_model
from services.job_api.callers import Caller
from services.job_api.jobs.application.commands import Finish, JobContext, NewJob, ResultT, Retry
from services.job_api.jobs.application.create_job import PreparedJob, prepare_job, write_job
from services.job_api.jobs.domain.configuration import Configuration, adjusted, changes, edited
from services.job_api.jobs.domain.failure import Failure, failure_of, suggestion
from services.job_api.jobs.domain.job import Job, check
from services.job_api.jobs.domain.success import Success
from services.job_api.jobs.errors import InvalidValues, JobNotFound
from services.job_api.jobs.repository import jobs, suggestions

_LONGEST_NAME = 255


async def retry_job(
    context: JobContext, caller: Caller, job_id: UUID, retry: Retry, finish: Finish[ResultT], *, start: bool = False
) -> ResultT:
    """Raises JobNotFound, MoveRefused for a job that has not ended, and what `create_job` raises."""
    _, prepared = await _prepared(context, caller, job_id, retry)
    return await write_job(context, prepared, finish, start=start)


@dataclass(frozen=True)
class Proposal:
    """What a retry would do. `row`: the new job's, which is not written."""

    job: Job
    failure: Failure | None
    row: dict[str, Any]
    success: Success


async def propose_retry(context: JobContext, caller: Caller, job_id: UUID, retry: Retry) -> Proposal:
    """The retry as it would be made; nothing is created. Raises what `retry_job` raises."""
    job, prepared = await _prepared(context, caller, job_id, retry)
    failure = _failure(job)
    async with context.database.read() as tx:
        success = await suggestions.success(tx, caller.workspace_id, failure.entry.code) if failure else Success()
    return Proposal(job, failure, prepared.row, success)


async def _prepared(context: JobContext, caller: Caller, job_id: UUID, retry: Retry) -> tuple[Job, PreparedJob]:
    job = await _ended_job(context, caller, job_id)
    configuration = _configuration(job, retry)
    prepared = await prepare_job(context, caller, _new_job(job, retry), configuration)
    return job, replace(prepared, row=prepared.row | _retry_columns(job, configuration))


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
        description=job.description, notes=job.notes if retry.notes is None else retry.notes, tags=job.tags,
        client=job.client, project=job.project)


def _configuration(job: Job, retry: Retry) -> Configuration:
    suggested = _adjusted(job, retry) if retry.apply_adjustments else job.configuration
    return replace(
        suggested, hyperparameters=_overridden(suggested.hyperparameters, retry.overrides),
        pricing_tier=retry.pricing_tier or suggested.pricing_tier,
        max_duration_s=retry.max_duration_s or suggested.max_duration_s)


def _adjusted(job: Job, retry: Retry) -> Configuration:
    if not retry.suggestions:
        values = adjusted(job.configuration.hyperparameters, job.state.error_type)
        return replace(job.configuration, hyperparameters=values)
    failure = _failure(job)
    return edited(job.configuration, failure.edits) if failure else job.configuration


def _failure(job: Job) -> Failure | None:
    return failure_of(job, shown_base_model(job.configuration.base_model))


def _retry_columns(job: Job, after: Configuration) -> dict[str, Any]:
    """What ties the new job to the old one, and what it does differently."""
    failure = _failure(job)
    return {
        "retry_of": job.id, "retry_count": job.retry_count + 1, "adjustments": changes(job.configuration, after),
        "retry_suggestion": suggestion(failure, after) if failure else None}


def _overridden(values: Hyperparameters, overrides: HyperparameterOverrides) -> Hyperparameters:
    try:
        return Hyperparameters.model_validate(values.model_dump() | overrides.model_dump(exclude_none=True))
    except ValidationError as error:
        raise InvalidValues(error.errors(), "hyperparameters") from error


def _next_name(job: Job) -> str:
    base = job.name.removesuffix(f" (retry {job.retry_count})") if job.retry_count else job.name
    suffix = f" (retry {job.retry_count + 1})"
    return base[: _LONGEST_NAME - len(suffix)] + suffix
