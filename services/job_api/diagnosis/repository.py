"""Counts of failed jobs and of their retries, of one workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.diagnosis.domain import FailedJobs, Retries
from services.job_api.jobs.domain.success import Success
from services.job_api.jobs.tables import training_jobs


@dataclass(frozen=True)
class Period:
    """Jobs that ended from `after` (inclusive) until `before`; None: no limit. Empty: all of them."""

    after: datetime | None = None
    before: datetime | None = None
    presets: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


_failed = training_jobs
_retry = training_jobs.alias("retry")
_TYPE = func.coalesce(_failed.c.error_type, "unknown").label("error_type")
_CODE = _failed.c.error_code.label("code")
_COUNT = func.count().label("count")
# Retries of a release that remembered no suggestion followed it when they changed anything.
_FOLLOWED = func.coalesce(
    cast(_retry.c.retry_suggestion["followed"].astext, Boolean), func.jsonb_array_length(_retry.c.adjustments) > 0,
).label("followed")


async def ended_by_preset(tx: AsyncConnection, workspace_id: UUID, period: Period) -> dict[str, int]:
    """Jobs that completed or failed."""
    statement = select(_failed.c.preset, _COUNT).where(
        _failed.c.status.in_(("completed", "failed")), *ended_in(workspace_id, period))
    rows = await tx.execute(statement.group_by(_failed.c.preset).order_by(_failed.c.preset))
    return {row.preset: row[1] for row in rows}


async def failures(tx: AsyncConnection, workspace_id: UUID, period: Period) -> Sequence[FailedJobs]:
    statement = select(_failed.c.preset, _TYPE, _CODE, _COUNT).where(
        _failed.c.status == "failed", *ended_in(workspace_id, period))
    return [FailedJobs(*row) for row in await tx.execute(statement.group_by(_failed.c.preset, _TYPE, _CODE))]


async def retries(tx: AsyncConnection, workspace_id: UUID, period: Period) -> Sequence[Retries]:
    """Of jobs that failed in the period; a retry that was cancelled says nothing."""
    status = _retry.c.status
    counts = (_COUNT, func.count().filter(status.in_(("completed", "failed"))),
              func.count().filter(status == "completed"))
    statement = select(_TYPE, _CODE, _FOLLOWED, *counts).join_from(
        _failed, _retry, _retry.c.retry_of == _failed.c.id).where(
        _failed.c.status == "failed", status != "cancelled", *ended_in(workspace_id, period))
    rows = await tx.execute(statement.group_by(_TYPE, _CODE, _FOLLOWED))
    return [Retries(kind, code, followed, Success(*counted)) for kind, code, followed, *counted in rows]


def ended_in(workspace_id: UUID, period: Period) -> list[ColumnElement[bool]]:
    """Conditions on `training_jobs`."""
    conditions = [_failed.c.workspace_id == workspace_id]
    if period.after is not None:
        conditions.append(_failed.c.completed_at >= period.after)
    if period.before is not None:
        conditions.append(_failed.c.completed_at < period.before)
    if period.presets:
        conditions.append(_failed.c.preset.in_(period.presets))
    if period.creators:
        conditions.append(_failed.c.created_by.in_(period.creators))
    if period.clients:
        conditions.append(_failed.c.client.in_(period.clients))
    return conditions
