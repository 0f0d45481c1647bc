"""A retry is a new job: the old one's file and configuration, with the change that answers its error."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from chassis.database.engine import Database
from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters
from contracts.job_status import JobAction
from services.job_api import problems
from services.job_api.domain.configuration import Configuration, adjusted, changes
from services.job_api.domain.job import Job, MoveRefused, check
from services.job_api.repository import jobs
from services.job_api.usecases.requests import Caller, NewJob, Retry

_LONGEST_NAME = 255


async def ended_job(database: Database, caller: Caller, job_id: UUID) -> Job:
    """Raises 404, and 409 for a job that has not ended."""
    async with database.read() as tx:
        job = await jobs.find(tx, caller.workspace_id, job_id)
    if job is None:
        raise problems.job_not_found(job_id)
    try:
        check(job, JobAction.RETRY)
    except MoveRefused as refusal:
        raise problems.move_refused(refusal, job_id) from refusal
    return job


def again(job: Job, retry: Retry) -> tuple[NewJob, Configuration, dict[str, Any]]:
    """The new job as if a user had asked for it, its configuration, and the columns that tie it to the old one."""
    before = job.configuration
    error_type = job.state.error_type if retry.apply_adjustments else None
    after = _overridden(adjusted(before.hyperparameters, error_type), retry.overrides)
    tier = retry.pricing_tier or before.pricing_tier
    configuration = Configuration(before.preset, after, before.base_model, before.gpu_type, tier, before.max_duration_s)
    differences = changes(before.hyperparameters, after)
    if tier is not before.pricing_tier:
        differences.append({"field": "gpu_pricing_tier", "from": before.pricing_tier.value, "to": tier.value})
    wanted = NewJob(
        training_file_id=job.training_file_id, preset=before.preset, name=retry.name or _next_name(job),
        description=job.description, notes=job.notes if retry.notes is None else retry.notes, tags=job.tags)
    ties = {"retry_of": job.id, "retry_count": job.retry_count + 1, "adjustments": differences}
    return wanted, configuration, ties


def _overridden(values: Hyperparameters, overrides: HyperparameterOverrides) -> Hyperparameters:
    try:
        return Hyperparameters.model_validate(values.model_dump() | overrides.model_dump(exclude_none=True))
    except ValidationError as error:
        raise problems.invalid_values(error, "hyperparameters") from error


def _next_name(job: Job) -> str:
    base = job.name.removesuffix(f" (retry {job.retry_count})") if job.retry_count else job.name
    suffix = f" (retry {job.retry_count + 1})"
    return base[: _LONGEST_NAME - len(suffix)] + suffix
