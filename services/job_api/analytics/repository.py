"""One workspace's ended jobs added up by PostgreSQL: by preset, by preset and week, by person, by client, and all of
them."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    Date,
    Double,
    Label,
    Row,
    and_,
    any_,
    bindparam,
    case,
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
from services.job_api.analytics.domain import Fix, Group, Point, Selection, Sums, TierMachines
from services.job_api.diagnosis.repository import (
    RETRIED,
    RETRIES,
    RETRY,
    Columns,
    Period,
    ended_in,
    error_of,
    retries_in,
)
from services.job_api.jobs.tables import job_events, training_jobs

_jobs = training_jobs.c
_COMPLETED = _jobs.status == JobStatus.COMPLETED.value
_ENDED = _jobs.status.in_([status.value for status in TERMINAL]) & _jobs.completed_at.is_not(None)
_WEEK = cast(func.date_trunc("week", func.timezone("UTC", _jobs.completed_at)), Date).label("week")
_IMPROVEMENT = cast(_jobs.validation["perplexity_improvement_pct"].astext, Double)
_VERDICT = _jobs.validation["verdict"].astext
_JUDGED = _COMPLETED & _VERDICT.is_not(None)
_NAMES = tuple(each.name for each in fields(Sums))
_CAME_UP, _LOST = "pod.running", "pod.interrupted"
# Written out, so that every plan may use the index of these two.
_OF_MACHINES: BindParameter[tuple[str, ...]] = bindparam(
    "of_machines", (_CAME_UP, _LOST), expanding=True, literal_execute=True)


def _ended_jobs(workspace_id: UUID, period: Period) -> CTE:
    """What is added up of each, taken once out of its wide row: three groupings sort all of them."""
    columns = (
        _jobs.preset, _WEEK, _jobs.created_by, _jobs.client, _jobs.status, _jobs.duration_s,
        _jobs.actual_cost_micro_usd.label("cost"), _jobs.checkpoint_recovery_count.label("interruptions"),
        case((_COMPLETED, _VERDICT)).label("verdict"), case((_JUDGED, _IMPROVEMENT)).label("improvement"))
    found = select(*columns).where(_ENDED, *ended_in(workspace_id, period))
    return found.cte("ended_jobs").prefix_with("MATERIALIZED")


def _sums(job: Columns) -> list[Label[Any]]:
    completed, failed, cancelled = (job.status == each.value for each in (
        JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED))
    judged, interrupted = job.verdict.is_not(None), job.interruptions > 0
    return [
        func.count().label("ended"), func.count().filter(completed).label("completed"),
        func.count().filter(failed).label("failed"), func.count().filter(cancelled).label("cancelled"),
        cast(func.sum(job.cost), BigInteger).label("cost_micro_usd"),
        cast(func.avg(job.cost).filter(completed), BigInteger).label("mean_cost_micro_usd"),
        func.percentile_cont(0.5).within_group(job.duration_s).filter(completed).label("median_duration_s"),
        func.avg(job.improvement).label("mean_improvement_pct"),
        func.count().filter(job.verdict == "proven").label("proven"), func.count().filter(judged).label("judged"),
        cast(func.sum(job.interruptions), BigInteger).label("interruptions"),
        func.count().filter(interrupted).label("interrupted_jobs"),
        func.count().filter(interrupted & completed).label("interrupted_completed"),
    ]


async def groups(tx: AsyncConnection, workspace_id: UUID, period: Period) -> list[Group]:
    """Everything in one pass over the jobs. Only the group of all jobs is there when there are none."""
    job = _ended_jobs(workspace_id, period).c
    keys = (job.preset, job.week, job.created_by, job.client)
    sets = func.grouping_sets(
        tuple_(job.preset, job.week), tuple_(job.preset), tuple_(job.created_by), tuple_(job.client), tuple_())
    return [_group(row) for row in await tx.execute(select(*keys, *_sums(job)).group_by(sets))]


def _group(row: Row[Any]) -> Group:
    values = {name: value for name in _NAMES if (value := getattr(row, name)) is not None}
    return Group(Sums(**values), row.preset, row.week, row.created_by, row.client)


async def points(tx: AsyncConnection, workspace_id: UUID, period: Period, limit: int) -> list[Point]:
    """The newest."""
    low, high = (cast(_jobs.validation[f"improvement_{bound}_pct"].astext, Double) for bound in ("low", "high"))
    statement = select(
        _jobs.id, _jobs.name, _jobs.preset, _jobs.completed_at, _jobs.actual_cost_micro_usd, _IMPROVEMENT, low, high,
        _VERDICT).where(_JUDGED, _ENDED, *ended_in(workspace_id, period))
    return [Point(*row) for row in await tx.execute(statement.order_by(_jobs.completed_at.desc()).limit(limit))]


async def fixes(tx: AsyncConnection, workspace_id: UUID, period: Period) -> list[Fix]:
    """What retries of jobs that failed in the period changed, the most helpful first."""
    changed = func.jsonb_array_elements(RETRY.adjustments).table_valued("value").alias("changed")
    groups = (*error_of(RETRIED), changed.c.value.op("->>")("field"))
    completed = func.count().filter(RETRY.status == JobStatus.COMPLETED.value)
    statement = select(*groups, func.count(), completed).select_from(RETRIES.join(changed, true())).where(
        RETRY.status.in_((JobStatus.COMPLETED.value, JobStatus.FAILED.value)), *retries_in(workspace_id, period))
    found = [Fix(entry_of(TrainingErrorType(row[0]), row[1]).code, *row[2:])
             for row in await tx.execute(statement.group_by(*groups))]
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


async def ended_with_a_machine(
    tx: AsyncConnection, workspace_id: UUID, period: Period, most_others: int
) -> Selection:
    """Told by the others where these are fewer, and no more than `most_others`."""
    asked = and_(_ENDED, _jobs.attempt > 0, *ended_in(workspace_id, period)).label("asked")
    jobs = select(_jobs.id, asked).where(_jobs.workspace_id == workspace_id).cte("jobs").prefix_with("MATERIALIZED")
    chosen, others = func.count().filter(jobs.c.asked), func.count().filter(~jobs.c.asked)
    shorter = select(and_(others < chosen, others <= most_others).label("all_but")).select_from(jobs).cte("shorter")
    ids = func.array_agg(jobs.c.id).filter(jobs.c.id.is_not(None))
    row = (await tx.execute(select(ids, shorter.c.all_but).select_from(
        shorter.outerjoin(jobs, jobs.c.asked != shorter.c.all_but)).group_by(shorter.c.all_but))).one()
    return Selection(row[0] or (), row.all_but)


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
