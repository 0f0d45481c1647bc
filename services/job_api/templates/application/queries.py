"""Templates as they are found: those of the product first, then those of the workspace."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.callers import Caller
from services.job_api.jobs.application.commands import NewJob, new_job
from services.job_api.keyset import Cursor, decode
from services.job_api.templates import repository
from services.job_api.templates.domain.built_in import BUILT_IN, built_in
from services.job_api.templates.domain.template import Template, Visibility, job_values
from services.job_api.templates.domain.usage import Usage
from services.job_api.templates.errors import TemplateNotFound, UnknownTemplate

_ORDER = "templates"


@dataclass(frozen=True)
class TemplatePage:
    templates: list[Template]
    usage: Mapping[UUID, Usage]
    next_cursor: str | None


async def list_templates(
    tx: AsyncConnection, caller: Caller, *, kinds: Collection[Visibility] = (), search: str = "", limit: int = 50,
    after: str | None = None,
) -> TemplatePage:
    """Raises InvalidCursor."""
    last = decode(after, _ORDER).id if after else None
    found = _of_the_product(kinds, search, last)[: limit + 1]
    wanted = set(kinds or Visibility) - {Visibility.BUILT_IN}
    if wanted and len(found) <= limit:
        found += await repository.page(
            tx, caller, shared=Visibility.SHARED in wanted if len(wanted) == 1 else None, search=search,
            before=None if last is None or built_in(last) else last, limit=limit + 1 - len(found))
    shown = found[:limit]
    cursor = Cursor(_ORDER, 0, shown[-1].id).encode() if len(found) > limit else None
    used = await repository.usage(tx, caller.workspace_id, [template.id for template in shown])
    return TemplatePage(shown, used, cursor)


def _of_the_product(kinds: Collection[Visibility], search: str, last: UUID | None) -> list[Template]:
    """Those after `last`, which may be one of them, one of the workspace's or None."""
    if kinds and Visibility.BUILT_IN not in kinds:
        return []
    ids = [template.id for template in BUILT_IN]
    start = 0 if last is None else ids.index(last) + 1 if last in ids else len(ids)
    return [template for template in BUILT_IN[start:]
            if search.lower() in f"{template.name}\n{template.description}".lower()]


async def find_template(tx: AsyncConnection, caller: Caller, template_id: UUID, *, lock: bool = False) -> Template:
    """Raises TemplateNotFound."""
    found = built_in(template_id) or await repository.find(tx, caller, template_id, lock=lock)
    if found is None:
        raise TemplateNotFound(template_id)
    return found


async def usage_of(tx: AsyncConnection, caller: Caller, template: Template) -> Usage:
    return (await repository.usage(tx, caller.workspace_id, [template.id])).get(template.id, Usage())


async def job_from_template(
    tx: AsyncConnection, caller: Caller, template_id: UUID, given: Mapping[str, Any]
) -> NewJob:
    """What a request asks for that names a template; its own fields (`given`, those of NewJob) win.

    Raises UnknownTemplate, and InvalidValues where neither of them names a training file.
    """
    found = built_in(template_id) or await repository.find(tx, caller, template_id)
    if found is None:
        raise UnknownTemplate(template_id)
    return new_job(job_values(found, given))
