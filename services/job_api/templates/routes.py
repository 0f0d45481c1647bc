"""Templates: configurations that are kept under a name, and jobs that become one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Engineer, Principal, Reader, Role, caller
from services.job_api.edge.fields import Body
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import INVALID_CURSOR, JsonResponse, page
from services.job_api.paths import PREFIX
from services.job_api.templates import presenter, schemas
from services.job_api.templates.application import commands, queries
from services.job_api.templates.domain.template import Template, Viewer
from services.job_api.templates.domain.usage import Usage

router = APIRouter(prefix=PREFIX, tags=["templates"])

# Where null is a value, not what somebody did not say.
_NULLABLE = frozenset({"training_file_id", "gpu_type"})
_CHANGE: dict[int | str, dict[str, Any]] = {
    403: {"description": "Somebody else shares it, or the role does not allow it"},
    409: {"description": "It comes with the product"}}


@router.get("/templates", response_model=schemas.TemplateList, responses=INVALID_CURSOR)
async def list_templates(
    query: Annotated[schemas.TemplateListQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The product's own, then those shared in the workspace and the caller's private ones, with how jobs from them
    went."""
    async with deps.database.read() as tx:
        found = await queries.list_templates(
            tx, caller(principal), kinds=query.visibility, search=query.q, limit=query.limit, after=query.after)
    viewer = _viewer(principal)
    return JsonResponse(page([presenter.template(each, found.usage.get(each.id, Usage()), viewer)
                              for each in found.templates], found.next_cursor))


@router.get("/templates/{template_id}", response_model=schemas.TemplateView)
async def read_template(template_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """One template."""
    async with deps.database.read() as tx:
        found = await queries.find_template(tx, caller(principal), template_id)
        return JsonResponse(await _shown(tx, principal, found))


@router.post("/templates", status_code=201, response_model=schemas.TemplateView)
async def create_template(
    body: schemas.CreateTemplate, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Keep a configuration under a name."""
    async with deps.database.transaction() as tx:
        made = await commands.create_template(tx, caller(principal), commands.NewTemplate(**_given(body)))
        return await _answer_made(tx, principal, made, record)


@router.post("/jobs/{job_id}/template", status_code=201, response_model=schemas.TemplateView)
async def save_job_as_template(
    job_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord,
    body: schemas.SaveJobAsTemplate | None = None,
) -> JsonResponse:
    """Keep what a job was told as a template."""
    given = _given(body or schemas.SaveJobAsTemplate())
    with_file = given.pop("with_file", True)
    async with deps.database.transaction() as tx:
        made = await commands.save_job_as_template(tx, caller(principal), job_id, given, with_file=with_file)
        return await _answer_made(tx, principal, made, record)


@router.patch("/templates/{template_id}", response_model=schemas.TemplateView, responses=_CHANGE)
async def edit_template(
    template_id: UUID, body: schemas.EditTemplate, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Change a template; jobs that were made from it stay as they are."""
    async with deps.database.transaction() as tx:
        edited = await commands.edit_template(
            tx, caller(principal), _viewer(principal), template_id, _given(body))
        return await record.answer(tx, await _shown(tx, principal, edited))


@router.delete("/templates/{template_id}", response_model=schemas.TemplateDeleted, responses=_CHANGE)
async def delete_template(
    template_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Delete a template; jobs that were made from it keep its id."""
    async with deps.database.transaction() as tx:
        await commands.delete_template(tx, caller(principal), _viewer(principal), template_id)
        return await record.answer(tx, {"object": "template", "id": template_id, "deleted": True})


def _viewer(principal: Principal) -> Viewer:
    return Viewer(principal.subject, principal.has_any(Role.ENGINEER), principal.has_any(Role.ADMIN))


def _given(body: Body) -> dict[str, Any]:
    """The fields that a body names, as the use cases call them."""
    named = {name: getattr(body, name) for name in body.model_fields_set}
    given = {name: value for name, value in named.items() if value is not None or name in _NULLABLE}
    if (visibility := given.pop("visibility", None)) is not None:
        given["shared"] = visibility == "shared"
    return given


async def _shown(tx: AsyncConnection, principal: Principal, found: Template) -> dict[str, Any]:
    return presenter.template(found, await queries.usage_of(tx, caller(principal), found), _viewer(principal))


async def _answer_made(
    tx: AsyncConnection, principal: Principal, made: Template, record: WithRecord
) -> JsonResponse:
    document = await _shown(tx, principal, made)
    return await record.answer(tx, document, 201, {"location": presenter.location(str(document["id"]))})
