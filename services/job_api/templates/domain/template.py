"""A template: everything that a job can be told, under a name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from contracts.presets import resolve
from services.job_api.templates.errors import TemplateBuiltIn, TemplateNotYours

LONGEST_RUN_S = 24 * 3600


class Visibility(StrEnum):
    """`built_in`: everybody's; `shared`: the workspace's; `private`: only there for who made it."""

    BUILT_IN = "built_in"
    SHARED = "shared"
    PRIVATE = "private"


class TemplateAction(StrEnum):
    USE = "use"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True)
class Viewer:
    """Who looks at a template. `engineer`: makes jobs and templates, as admins do too."""

    subject: str
    engineer: bool
    admin: bool


@dataclass(frozen=True)
class Template:
    """`hyperparameters` are the single values that replace those of the preset; `gpu_type` None: the default one."""

    id: UUID
    name: str
    description: str
    visibility: Visibility
    preset: str
    hyperparameters: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    gpu_type: GpuType | None = None
    pricing_tier: PricingTier = PricingTier.SPOT
    max_duration_s: int = LONGEST_RUN_S
    training_file_id: UUID | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    client: str = ""
    project: str = ""
    source_job_id: UUID | None = None
    created_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


def allowed_actions(template: Template, viewer: Viewer) -> tuple[TemplateAction, ...]:
    if not viewer.engineer:
        return ()
    try:
        check_change(template, viewer)
    except (TemplateBuiltIn, TemplateNotYours):
        return (TemplateAction.USE,)
    return (TemplateAction.USE, TemplateAction.EDIT, TemplateAction.DELETE)


def check_change(template: Template, viewer: Viewer) -> None:
    """Raises TemplateBuiltIn, TemplateNotYours."""
    if template.visibility is Visibility.BUILT_IN:
        raise TemplateBuiltIn(template.name)
    if template.created_by != viewer.subject and not viewer.admin:
        raise TemplateNotYours


def job_values(template: Template, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new job (`NewJob`) that a request asks for: what it names (`given`) wins.

    With another preset the single values of the template's own do not apply.
    """
    own = {name: getattr(template, name) for name in (
        "training_file_id", "preset", "gpu_type", "pricing_tier", "max_duration_s", "notes", "tags", "client",
        "project")}
    values = own | dict(given) | {"template_id": template.id}
    overrides: HyperparameterOverrides = given.get("overrides", HyperparameterOverrides())
    if values["preset"] == template.preset:
        overrides = _merged(template, overrides)
    return values | {"overrides": overrides}


def _merged(template: Template, given: HyperparameterOverrides) -> HyperparameterOverrides:
    """A lora_rank given without lora_alpha keeps the template's alpha / r, as it keeps a preset's."""
    changes = given.model_dump(exclude_none=True)
    if "lora_rank" in changes and "lora_alpha" not in changes:
        before = resolve(template.preset, template.hyperparameters)
        changes["lora_alpha"] = max(1, changes["lora_rank"] * before.lora_alpha // before.lora_rank)
    return template.hyperparameters.model_copy(update=changes)
