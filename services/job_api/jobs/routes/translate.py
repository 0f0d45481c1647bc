"""Request bodies and queries as the use cases and the repository take them."""

from typing import Any

from contracts.money import micro_usd
from services.job_api.jobs.application.commands import Retry
from services.job_api.jobs.application.continue_job import Continuation
from services.job_api.jobs.repository.job_list import JobFilter
from services.job_api.jobs.schemas.jobs import CreateJob, JobListQuery
from services.job_api.jobs.schemas.retries import RetryJob
from services.job_api.jobs.schemas.steering import ContinueJob

# Where a body calls a field of a new job otherwise.
_NEW_JOB = {"hyperparameters": "overrides", "gpu_pricing_tier": "pricing_tier"}
_NOT_THE_JOBS = {"template_id", "start"}


def job_values(body: CreateJob) -> dict[str, Any]:
    """The fields of NewJob that a body names; what it does not name has NewJob's own defaults, or a template's."""
    named = {_NEW_JOB.get(name, name): getattr(body, name) for name in body.model_fields_set - _NOT_THE_JOBS}
    if "tags" in named:
        named["tags"] = tuple(named["tags"])
    if named.get("training_file_id") is None:
        named.pop("training_file_id", None)
    return named


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
        training_file_id=query.training_file_id, template_id=query.template_id, created_after=query.created_after,
        created_before=query.created_before, min_cost=_micro(query.min_cost), max_cost=_micro(query.max_cost),
        text=query.q)


def _micro(dollars: float | None) -> int | None:
    return None if dollars is None else micro_usd(str(dollars))
