"""Templates as the API shows them. `schemas` documents the same shapes."""

from typing import Any
from uuid import UUID

from contracts.presets import resolve
from services.job_api.amounts import dollars
from services.job_api.jobs.domain.configuration import differences_from_preset
from services.job_api.templates.domain.template import Template, Viewer, allowed_actions
from services.job_api.templates.domain.usage import Usage

_PLAIN = ("id", "name", "description", "visibility", "training_file_id", "preset", "gpu_type", "max_duration_s",
          "notes", "tags", "client", "project", "source_job_id", "created_by", "created_at", "updated_at")


def location(template_id: UUID | str) -> str:
    return f"/api/training/templates/{template_id}"


def template(found: Template, used: Usage, viewer: Viewer) -> dict[str, Any]:
    values = resolve(found.preset, found.hyperparameters).model_dump(mode="json")
    return {"object": "template"} | {name: getattr(found, name) for name in _PLAIN} | {
        "gpu_pricing_tier": found.pricing_tier,
        "hyperparameters": found.hyperparameters.model_dump(mode="json", exclude_none=True),
        "resulting_hyperparameters": values,
        "differences_from_preset": differences_from_preset(found.preset, values),
        "usage": usage(used), "allowed_actions": allowed_actions(found, viewer),
    }


def usage(used: Usage) -> dict[str, Any]:
    return {
        "jobs": used.jobs, "ended": used.ended, "completed": used.completed, "success_rate": used.success_rate,
        "average_cost": dollars(used.average_cost_micro_usd), "average_cost_micro_usd": used.average_cost_micro_usd,
        "last_used_at": used.last_used_at,
    }
