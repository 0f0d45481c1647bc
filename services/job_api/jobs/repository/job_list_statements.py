"""The SQL of the job list, compiled once for each combination of criteria that is asked for."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, any_, bindparam, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database.compiled import CompiledRead
from services.job_api.jobs.repository.creators import CREATED_BY_NAME
from services.job_api.jobs.repository.jobs import VIEW_COLUMNS, VIEW_FROM
from services.job_api.jobs.tables import training_jobs

_KEPT = 256
_jobs = training_jobs.c

FULL, COMPACT = "full", "compact"
_COLUMNS: dict[str, tuple[ColumnElement[Any], ...]] = {
    FULL: VIEW_COLUMNS,
    COMPACT: (
        _jobs.id, _jobs.workspace_id, _jobs.waiting_since, _jobs.machines_ahead, _jobs.name, _jobs.tags,
        _jobs.client, _jobs.project, _jobs.template_id, _jobs.training_file_id, _jobs.preset, _jobs.gpu_type,
        _jobs.gpu_pricing_tier, _jobs.status, _jobs.current_stage, _jobs.progress_percentage, _jobs.current_epoch,
        _jobs.current_step, _jobs.total_steps, _jobs.latest_loss, _jobs.eta_s, _jobs.error_type, _jobs.retry_count,
        _jobs.cost_estimate_micro_usd, _jobs.actual_cost_micro_usd, _jobs.cost_final, _jobs.duration_s,
        _jobs.created_by, _jobs.created_at, _jobs.started_at, _jobs.completed_at, _jobs.updated_at,
        _jobs.last_checkpoint_step, _jobs.checkpoints_expired, CREATED_BY_NAME),
}
_SORTS: dict[str, ColumnElement[Any]] = {
    "created_at": _jobs.created_at, "cost": _jobs.actual_cost_micro_usd, "duration": _jobs.duration_s,
    "name": _jobs.name, "status": _jobs.status}


def _any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return column == any_(bindparam(name, type_=ARRAY(Text)))


_CRITERIA: dict[str, ColumnElement[bool]] = {
    "statuses": _any_of(_jobs.status, "statuses"),
    "presets": _any_of(_jobs.preset, "presets"),
    "tiers": _any_of(_jobs.gpu_pricing_tier, "tiers"),
    "creators": _any_of(_jobs.created_by, "creators"),
    "tags": _jobs.tags.contains(bindparam("tags", type_=ARRAY(Text))),
    "clients": _any_of(_jobs.client, "clients"),
    "projects": _any_of(_jobs.project, "projects"),
    "training_file_id": _jobs.training_file_id == bindparam("training_file_id"),
    "template_id": _jobs.template_id == bindparam("template_id"),
    "created_after": _jobs.created_at >= bindparam("created_after"),
    "created_before": _jobs.created_at < bindparam("created_before"),
    "min_cost": _jobs.actual_cost_micro_usd >= bindparam("min_cost"),
    "max_cost": _jobs.actual_cost_micro_usd <= bindparam("max_cost"),
    "text": _jobs.search_text.like(bindparam("text"), escape="/"),
}


@dataclass(frozen=True)
class Shape:
    """What decides the statement: the names of the criteria, the order, whether it is a page after another one."""

    given: frozenset[str]
    sort: str
    descending: bool
    beyond: bool
    columns: str


@lru_cache(_KEPT)
def statement(shape: Shape) -> CompiledRead:
    """Values by name: `workspace_id`, `rows`, each criterion of the shape, and `last_value`, `last_id` of a page
    after another one."""
    keys = (_SORTS[shape.sort], _jobs.id)
    conditions = [_jobs.workspace_id == bindparam("workspace_id"), *(_CRITERIA[name] for name in sorted(shape.given))]
    if shape.beyond:
        last = tuple_(bindparam("last_value", type_=keys[0].type), bindparam("last_id", type_=_jobs.id.type))
        conditions.append(tuple_(*keys) < last if shape.descending else tuple_(*keys) > last)
    order = [key.desc() if shape.descending else key.asc() for key in keys]
    source = VIEW_FROM if shape.columns == FULL else training_jobs
    return CompiledRead(select(*_COLUMNS[shape.columns]).select_from(source).where(*conditions).order_by(*order)
                        .limit(bindparam("rows", type_=Integer)))
