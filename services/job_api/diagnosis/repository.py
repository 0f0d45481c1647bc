"""Counts of failed jobs and of their retries, of one workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from services.job_api.diagnosis.domain import FailedJobs, Retries
from services.job_api.jobs.domain.success import Success
from services.job_api.jobs.tables import training_jobs

Columns = ReadOnlyColumnCollection[str, Any]


@dataclass(frozen=True)
class Period:
    """Jobs that ended from `after` (inclusive) until `before`; None: no limit. Empty: all of them."""

    after: datetime | None = None
    before: datetime | None = None
    presets: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


_jobs = training_jobs.c
_COUNT = func.count().label("count")
_retries = training_jobs.alias("retry")
RETRY = _retries.c
# What each of them retries, by its primary key. OFFSET keeps this apart: of a table without statistics the planner may
# compare every retry with every failed job.
_retried = select(
    _jobs.workspace_id, _jobs.status, _jobs.completed_at, _jobs.preset, _jobs.created_by, _jobs.client,
    _jobs.error_type, _jobs.error_code).where(_jobs.id == RETRY.retry_of).offset(0).lateral("retried")
RETRIED = _retried.c
RETRIES = _retries.join(_retried, true())
# Retries of a release that remembered no suggestion followed it when they changed anything.
_FOLLOWED = func.coalesce(
    cast(RETRY.retry_suggestion["followed"].astext, Boolean), func.jsonb_array_length(RETRY.adjustments) > 0,
).label("followed")


async def ended_by_preset(tx: AsyncConnection, workspace_id: UUID, period: Period) -> dict[str, int]:
    """Jobs that completed or failed."""
    statement = select(_jobs.preset, _COUNT).where(
        _jobs.status.in_(("completed", "failed")), *ended_in(workspace_id, period))
    rows = await tx.execute(statement.group_by(_jobs.preset).order_by(_jobs.preset))
    return {row.preset: row[1] for row in rows}


async def failures(tx: AsyncConnection, workspace_id: UUID, period: Period) -> Sequence[FailedJobs]:
    error = error_of(_jobs)
    statement = select(_jobs.preset, *error, _COUNT).where(
        _jobs.status == "failed", *ended_in(workspace_id, period))
    return [FailedJobs(*row) for row in await tx.execute(statement.group_by(_jobs.preset, *error))]


async def retries(tx: AsyncConnection, workspace_id: UUID, period: Period) -> Sequence[Retries]:
    """Of jobs that failed in the period; a retry that was cancelled says nothing."""
    counts = (_COUNT, func.count().filter(RETRY.status.in_(("completed", "failed"))),
              func.count().filter(RETRY.status == "completed"))
    groups = (*error_of(RETRIED), _FOLLOWED)
    statement = select(*groups, *counts).select_from(RETRIES).where(
        RETRY.status != "cancelled", *retries_in(workspace_id, period))
    rows = await tx.execute(statement.group_by(*groups))
    return [Retries(kind, code, followed, Success(*counted)) for kind, code, followed, *counted in rows]


def error_of(jobs: Columns) -> tuple[ColumnElement[str], ColumnElement[str | None]]:
    """(type, code) of a failed job."""
    return func.coalesce(jobs.error_type, "unknown").label("error_type"), jobs.error_code.label("code")


def retries_in(workspace_id: UUID, period: Period) -> list[ColumnElement[bool]]:
    """Conditions on RETRIES: of jobs that failed in the period."""
    return [RETRY.workspace_id == workspace_id, RETRY.retry_of.is_not(None), RETRIED.status == "failed",
            *ended_in(workspace_id, period, RETRIED)]


def ended_in(workspace_id: UUID, period: Period, jobs: Columns = _jobs) -> list[ColumnElement[bool]]:
    conditions = [jobs.workspace_id == workspace_id]
    if period.after is not None:
        conditions.append(jobs.completed_at >= period.after)
    if period.before is not None:
        conditions.append(jobs.completed_at < period.before)
    if period.presets:
        conditions.append(jobs.preset.in_(period.presets))
    if period.creators:
        conditions.append(jobs.created_by.in_(period.creators))
    if period.clients:
        conditions.append(jobs.client.in_(period.clients))
    return conditions
