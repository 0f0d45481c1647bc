"""Request bodies and queries as the use cases and the repository take them."""

from contracts.money import micro_usd
from services.job_api.jobs.application.commands import NewJob, Retry
from services.job_api.jobs.application.continue_job import Continuation
from services.job_api.jobs.repository.job_list import JobFilter
from services.job_api.jobs.schemas.jobs import CreateJob, JobListQuery
from services.job_api.jobs.schemas.retries import RetryJob
from services.job_api.jobs.schemas.steering import ContinueJob


def new_job(body: CreateJob) -> NewJob:
    return NewJob(
        training_file_id=body.training_file_id, preset=body.preset, overrides=body.hyperparameters, name=body.name,
        description=body.description, notes=body.notes, tags=tuple(body.tags), client=body.client,
        project=body.project, gpu_type=body.gpu_type,
        pricing_tier=body.gpu_pricing_tier, max_duration_s=body.max_duration_s)


def retry_of(body: RetryJob) -> Retry:
    return Retry(name=body.name, notes=body.notes, overrides=body.hyperparameters,
                 apply_adjustments=body.apply_adjustments, pricing_tier=body.gpu_pricing_tier,
                 max_duration_s=body.max_duration_s, suggestions=body.confirm is not None)


def continuation_of(body: ContinueJob) -> Continuation:
    return Continuation(
        name=body.name, overrides=body.hyperparameters, remaining_epochs=body.remaining_epochs,
        pricing_tier=body.gpu_pricing_tier, gpu_type=body.gpu_type)


def job_filter(query: JobListQuery) -> JobFilter:
    return JobFilter(
        statuses=query.status, presets=query.preset, tiers=query.tier, creators=query.creator, tags=query.tag,
        clients=[name for name in query.client if name], projects=[name for name in query.project if name],
        training_file_id=query.training_file_id, created_after=query.created_after,
        created_before=query.created_before, min_cost=_micro(query.min_cost), max_cost=_micro(query.max_cost),
        text=query.q)


def _micro(dollars: float | None) -> int | None:
    return None if dollars is None else micro_usd(str(dollars))
