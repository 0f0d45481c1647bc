"""Make, change and remove templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from contracts.identifiers import uuid7
from contracts.presets import differences, resolve
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.errors import InvalidValues, JobNotFound, UnknownTrainingFile
from services.job_api.jobs.repository import jobs
from services.job_api.templates import repository
from services.job_api.templates.application.queries import find_template
from services.job_api.templates.domain.template import LONGEST_RUN_S, Template, Viewer, check_change


@dataclass(frozen=True)
class NewTemplate:
    """As a row has it; `hyperparameters` are single values that replace those of the preset."""

    name: str
    description: str = ""
    shared: bool = False
    notes: str = ""
    tags: tuple[str, ...] = ()
    client: str = ""
    project: str = ""
    training_file_id: UUID | None = None
    preset: str = "balanced"
    hyperparameters: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    gpu_type: GpuType | None = None
    gpu_pricing_tier: PricingTier = PricingTier.SPOT
    max_duration_s: int = LONGEST_RUN_S
    source_job_id: UUID | None = None


async def create_template(tx: AsyncConnection, caller: Caller, wanted: NewTemplate) -> Template:
    """Raises InvalidValues, UnknownTrainingFile."""
    _validate(wanted.preset, wanted.hyperparameters)
    await _require_file(tx, caller, wanted.training_file_id)
    return await repository.add(tx, _columns(vars(wanted)) | {
        "id": uuid7(), "workspace_id": caller.workspace_id, "created_by": caller.subject})


async def save_job_as_template(
    tx: AsyncConnection, caller: Caller, job_id: UUID, given: Mapping[str, Any], *, with_file: bool = True
) -> Template:
    """What a job was told, under a name; `given` (fields of NewTemplate) wins. Raises JobNotFound, InvalidValues."""
    job = await jobs.find(tx, caller.workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    told = job.configuration
    changed = {each.field: each.value for each in differences(told.preset, told.hyperparameters)}
    values: dict[str, Any] = {
        "name": job.name, "description": job.description, "notes": job.notes, "tags": job.tags, "client": job.client,
        "project": job.project, "training_file_id": job.training_file_id if with_file else None,
        "preset": told.preset, "hyperparameters": HyperparameterOverrides.model_validate(changed),
        "gpu_type": told.gpu_type, "gpu_pricing_tier": told.pricing_tier, "max_duration_s": told.max_duration_s,
        "source_job_id": job.id}
    return await create_template(tx, caller, NewTemplate(**values | dict(given)))


async def edit_template(
    tx: AsyncConnection, caller: Caller, viewer: Viewer, template_id: UUID, given: Mapping[str, Any]
) -> Template:
    """`given`: fields of NewTemplate; only those change. Raises TemplateNotFound, TemplateBuiltIn, TemplateNotYours,
    InvalidValues, UnknownTrainingFile."""
    template = await find_template(tx, caller, template_id, lock=True)
    check_change(template, viewer)
    _validate(given.get("preset", template.preset), given.get("hyperparameters", template.hyperparameters))
    await _require_file(tx, caller, given.get("training_file_id"))
    return await repository.save(tx, template_id, _columns(given))


async def delete_template(tx: AsyncConnection, caller: Caller, viewer: Viewer, template_id: UUID) -> None:
    """Raises TemplateNotFound, TemplateBuiltIn, TemplateNotYours."""
    check_change(await find_template(tx, caller, template_id, lock=True), viewer)
    await repository.remove(tx, template_id)


def _validate(preset: str, values: HyperparameterOverrides) -> None:
    try:
        resolve(preset, values)
    except ValidationError as error:
        raise InvalidValues(error.errors(), "hyperparameters") from error


async def _require_file(tx: AsyncConnection, caller: Caller, file_id: UUID | None) -> None:
    """One that cannot be trained on is only refused when a job is made."""
    if file_id and await references.for_training(tx, caller.workspace_id, file_id, keep=True) is None:
        raise UnknownTrainingFile(file_id)


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if "tags" in values:
        changed["tags"] = list(values["tags"])
    if "hyperparameters" in values:
        changed["hyperparameters"] = values["hyperparameters"].model_dump(mode="json", exclude_none=True)
    return dict(values) | changed
