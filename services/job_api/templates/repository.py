"""Templates in the database. Every read names the workspace and who asks: a private one is only there for its maker."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from services.job_api.callers import Caller
from services.job_api.jobs.domain.search import contains_pattern
from services.job_api.templates.domain.template import Template, Visibility
from services.job_api.templates.domain.usage import Usage
from services.job_api.templates.tables import configuration_templates

_templates = configuration_templates.c
_USAGE = text("""
    SELECT template_id, count(*) AS jobs, count(*) FILTER (WHERE status IN ('completed', 'failed')) AS ended,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           round(avg(actual_cost_micro_usd) FILTER (WHERE status = 'completed'))::bigint AS average_cost_micro_usd,
           max(created_at) AS last_used_at
    FROM training_jobs WHERE workspace_id = :workspace_id AND template_id = ANY(:ids) GROUP BY template_id
""")


async def find(tx: AsyncConnection, caller: Caller, template_id: UUID, *, lock: bool = False) -> Template | None:
    """With `lock` nobody else changes it until the transaction ends."""
    statement = select(configuration_templates).where(_templates.id == template_id, _there_for(caller))
    row = (await tx.execute(statement.with_for_update() if lock else statement)).mappings().one_or_none()
    return template_of(row) if row else None


async def page(
    tx: AsyncConnection, caller: Caller, *, shared: bool | None, search: str, before: UUID | None, limit: int
) -> list[Template]:
    """The newest first; `shared` None: both kinds."""
    statement = select(configuration_templates).where(_there_for(caller))
    if shared is not None:
        statement = statement.where(_templates.shared == shared)
    if search:
        searched = func.lower(_templates.name + "\n" + _templates.description)
        statement = statement.where(searched.like(contains_pattern(search), escape="/"))
    if before is not None:
        statement = statement.where(_templates.id < before)
    rows = (await tx.execute(statement.order_by(_templates.id.desc()).limit(limit))).mappings()
    return [template_of(row) for row in rows]


async def add(tx: AsyncConnection, values: Mapping[str, Any]) -> Template:
    statement = insert(configuration_templates).values(**values).returning(configuration_templates)
    return template_of((await tx.execute(statement)).mappings().one())


async def save(tx: AsyncConnection, template_id: UUID, values: Mapping[str, Any]) -> Template:
    statement = update(configuration_templates).where(_templates.id == template_id).values(
        **values, updated_at=func.now()).returning(configuration_templates)
    return template_of((await tx.execute(statement)).mappings().one())


async def remove(tx: AsyncConnection, template_id: UUID) -> None:
    """Jobs that were made from it keep its id."""
    await tx.execute(delete(configuration_templates).where(_templates.id == template_id))


async def usage(tx: AsyncConnection, workspace_id: UUID, ids: Iterable[UUID]) -> Mapping[UUID, Usage]:
    """How the workspace's jobs from each of these went; without those that were never used."""
    rows: Sequence[RowMapping] = (await tx.execute(
        _USAGE, {"workspace_id": workspace_id, "ids": list(ids)})).mappings().all()
    return {row["template_id"]: Usage(**{name: value for name, value in row.items() if name != "template_id"})
            for row in rows}


def template_of(row: RowMapping) -> Template:
    return Template(
        id=row["id"], name=row["name"], description=row["description"],
        visibility=Visibility.SHARED if row["shared"] else Visibility.PRIVATE, preset=row["preset"],
        hyperparameters=HyperparameterOverrides.model_validate(row["hyperparameters"]),
        gpu_type=GpuType(row["gpu_type"]) if row["gpu_type"] else None,
        pricing_tier=PricingTier(row["gpu_pricing_tier"]), max_duration_s=row["max_duration_s"],
        training_file_id=row["training_file_id"], notes=row["notes"], tags=tuple(row["tags"]), client=row["client"],
        project=row["project"], source_job_id=row["source_job_id"], created_by=row["created_by"],
        created_at=row["created_at"], updated_at=row["updated_at"])


def _there_for(caller: Caller) -> ColumnElement[bool]:
    return and_(_templates.workspace_id == caller.workspace_id,
                or_(_templates.shared, _templates.created_by == caller.subject))
