"""Refusals about templates as problem documents."""

from chassis.problems import Conflict, Forbidden, Invalid, NotFound
from services.job_api.templates.errors import TemplateBuiltIn, TemplateNotFound, UnknownTemplate

_SEE = "GET /api/training/templates shows those that are there for you."


def template_not_found(error: TemplateNotFound) -> NotFound:
    return NotFound(f"There is no template {error.template_id} for you.", code="template_not_found",
                    suggested_fix=f"Check the id; {_SEE}")


def unknown_template(error: UnknownTemplate) -> Invalid:
    """A request that names a template which is not there is a wrong request, not a wrong address."""
    detail = f"There is no template {error.template_id} for you."
    return Invalid(detail, code="template_not_found", title="Unknown template", suggested_fix=_SEE, errors=[
        {"field": "template_id", "message": detail, "suggested_fix": _SEE}])


def template_built_in(error: TemplateBuiltIn) -> Conflict:
    return Conflict(
        f"The template {error.name!r} comes with the product and cannot be changed.", code="template_built_in",
        title="A template of the product",
        suggested_fix="Make your own with the same values: POST /api/training/templates.")


def template_not_yours(_: object) -> Forbidden:
    return Forbidden("Somebody else shares this template; only who made it and admins can change it.",
                     suggested_fix="Make your own with the same values: POST /api/training/templates.")
