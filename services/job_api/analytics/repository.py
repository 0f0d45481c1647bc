"""One workspace's ended jobs added up by PostgreSQL: by preset, by preset and week, by person, by client, and all of
them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Date,
    Double,
    Row,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.error_catalogue import entry_of
from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import PricingTier
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.analytics.domain import Fix, Group, Point, Sums, TierMachines
from services.job_api.diagnosis.repository import Period, ended_in
from services.job_api.jobs.tables import job_events, training_jobs

_jobs = training_jobs.c
_retry = training_jobs.alias("retry")
_COMPLETED, _FAILED, _CANCELLED = (
    _jobs.status == status.value for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED))
_ENDED = _jobs.status.in_([status.value for status in TERMINAL]) & _jobs.completed_at.is_not(None)
_WEEK = cast(func.date_trunc("week", func.timezone("UTC", _jobs.completed_at)), Date).label("week")
_IMPROVEMENT = cast(_jobs.validation["perplexity_improvement_pct"].astext, Double)
_VERDICT = _jobs.validation["verdict"].astext
_JUDGED = _COMPLETED & _VERDICT.is_not(None)
_CAME_UP, _LOST = "pod.running", "pod.interrupted"
# Written out, so that every plan may use the index of these two.
_OF_MACHINES: BindParameter[tuple[str, ...]] = bindparam(
    "of_machines", (_CAME_UP, _LOST), expanding=True, literal_execute=True)
_INTERRUPTED = _jobs.checkpoint_recovery_count > 0
_SUMS = (
    func.count().label("ended"), func.count().filter(_COMPLETED).label("completed"),
    func.count().filter(_FAILED).label("failed"), func.count().filter(_CANCELLED).label("cancelled"),
    cast(func.sum(_jobs.actual_cost_micro_usd), BigInteger).label("cost_micro_usd"),
    cast(func.avg(_jobs.actual_cost_micro_usd).filter(_COMPLETED), BigInteger).label("mean_cost_micro_usd"),
    func.percentile_cont(0.5).within_group(_jobs.duration_s).filter(_COMPLETED).label("median_duration_s"),
    func.avg(_IMPROVEMENT).filter(_JUDGED).label("mean_improvement_pct"),
    func.count().filter(_JUDGED & (_VERDICT == "proven")).label("proven"),
    func.count().filter(_JUDGED).label("judged"),
    cast(func.sum(_jobs.checkpoint_recovery_count), BigInteger).label("interruptions"),
    func.count().filter(_INTERRUPTED).label("interrupted_jobs"),
    func.count().filter(_INTERRUPTED & _COMPLETED).label("interrupted_completed"),
)
_NAMES = tuple(column.name for column in _SUMS)


async def groups(tx: AsyncConnection, workspace_id: UUID, period: Period) -> list[Group]:
    """Everything in one pass over the jobs. Only the group of all jobs is there when there are none."""
    sets = func.grouping_sets(
        tuple_(_jobs.preset, _WEEK), tuple_(_jobs.preset), tuple_(_jobs.created_by), tuple_(_jobs.client),
        tuple_())
    statement = select(_jobs.preset, _WEEK, _jobs.created_by, _jobs.client, *_SUMS).where(
        _ENDED, *ended_in(workspace_id, period)).group_by(sets)
    return [_group(row) for row in await tx.execute(statement)]


def _group(row: Row[Any]) -> Group:
    values = {name: value for name in _NAMES if (value := getattr(row, name)) is not None}
    return Group(Sums(**values), row.preset, row.week, row.created_by, row.client)


async def points(tx: AsyncConnection, workspace_id: UUID, period: Period, limit: int) -> list[Point]:
    """The newest."""
    low, high = (cast(_jobs.validation[f"improvement_{bound}_pct"].astext, Double) for bound in ("low", "high"))
    statement = select(
        _jobs.id, _jobs.name, _jobs.preset, _jobs.completed_at, _jobs.actual_cost_micro_usd, _IMPROVEMENT, low, high,
        _VERDICT).where(_JUDGED, *ended_in(workspace_id, period))
    return [Point(*row) for row in await tx.execute(statement.order_by(_jobs.completed_at.desc()).limit(limit))]


async def fixes(tx: AsyncConnection, workspace_id: UUID, period: Period) -> list[Fix]:
    """What retries of jobs that failed in the period changed, the most helpful first."""
    changed = func.jsonb_array_elements(_retry.c.adjustments).table_valued("value").alias("changed")
    field = changed.c.value.op("->>")("field")
    kind = func.coalesce(_jobs.error_type, "unknown")
    completed = func.count().filter(_retry.c.status == JobStatus.COMPLETED.value)
    statement = select(kind, _jobs.error_code, field, func.count(), completed).select_from(
        training_jobs.join(_retry, _retry.c.retry_of == _jobs.id).join(changed, true())).where(
        _FAILED, _retry.c.status.in_((JobStatus.COMPLETED.value, JobStatus.FAILED.value)),
        *ended_in(workspace_id, period)).group_by(kind, _jobs.error_code, field)
    found = [Fix(entry_of(TrainingErrorType(row[0]), row[1]).code, *row[2:]) for row in await tx.execute(statement)]
    return sorted(found, key=lambda fix: (-fix.completed, fix.ended, fix.field))


async def tiers(tx: AsyncConnection, workspace_id: UUID, period: Period) -> list[TierMachines]:
    """What became of machines, by what they really were, whatever the job asked for. Attempts that their user ended
    were not interrupted."""
    logged = job_events.c
    tier = func.max(logged.payload["pricing_tier"].astext).filter(logged.type == _CAME_UP).label("tier")
    was_meant = logged.attempt == any_(_jobs.set_aside)
    interrupted = func.bool_or((logged.type == _LOST) & ~was_meant).label("interrupted")
    over = or_(logged.type == _LOST, logged.attempt < _jobs.attempt, was_meant, _ENDED)
    machines = select(tier, interrupted, func.bool_or(over).label("is_over")).select_from(
        job_events.join(training_jobs, _jobs.id == logged.job_id)).where(
        logged.workspace_id == workspace_id, logged.type.in_(_OF_MACHINES), *ended_in(workspace_id, period)
    ).group_by(logged.job_id, logged.attempt).subquery()
    counts = func.count(), func.count().filter(machines.c.interrupted)
    rows = await tx.execute(select(machines.c.tier, *counts).where(
        machines.c.tier.is_not(None), machines.c.is_over).group_by(machines.c.tier))
    found = {row[0]: TierMachines(*row) for row in rows}
    return [found.get(each, TierMachines(each)) for each in (PricingTier.SPOT.value, PricingTier.ON_DEMAND.value)]


async def ended_ids(tx: AsyncConnection, workspace_id: UUID, period: Period) -> Sequence[UUID]:
    """Of jobs that had a machine."""
    statement = select(_jobs.id).where(_ENDED, _jobs.attempt > 0, *ended_in(workspace_id, period))
    return (await tx.execute(statement)).scalars().all()


_LISTED = (
    _jobs.id, _jobs.name, _jobs.preset, _jobs.created_by, _jobs.status, _jobs.gpu_type, _jobs.gpu_pricing_tier,
    _jobs.created_at, _jobs.started_at, _jobs.completed_at, _jobs.duration_s, _jobs.cost_estimate_micro_usd,
    _jobs.actual_cost_micro_usd, _jobs.latest_loss, _jobs.latest_validation_loss, _jobs.checkpoint_recovery_count,
    _jobs.error_code, _VERDICT.label("verdict"), _IMPROVEMENT.label("perplexity_improvement_pct"))
LISTED = tuple(column.name for column in _LISTED)


async def ended_jobs(
    tx: AsyncConnection, workspace_id: UUID, period: Period, limit: int, after: RowMapping | None
) -> Sequence[RowMapping]:
    """The newest first, those after this one."""
    statement = select(*_LISTED).where(_ENDED, *ended_in(workspace_id, period))
    if after is not None:
        statement = statement.where(tuple_(_jobs.completed_at, _jobs.id) < (after["completed_at"], after["id"]))
    ordered = statement.order_by(_jobs.completed_at.desc(), _jobs.id.desc()).limit(limit)
    return (await tx.execute(ordered)).mappings().all()
