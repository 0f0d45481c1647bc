"""The cost of a job as time passes: publish it, warn when it leaves the estimate, settle it when all is over."""

import math
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import CostOverrun, CostUpdated
from services.cost_guard.adapters.repository import intervals, jobs
from services.cost_guard.application.budget_alerts import SOURCE, publish_alerts
from services.cost_guard.domain.account import JobAccount
from services.cost_guard.domain.billing import BilledInterval, billed_seconds, total_cost
from services.cost_guard.domain.budget import variance_percent
from services.cost_guard.settings import Settings


async def report_cost(
    tx: AsyncConnection, job_id: UUID, workspace_id: UUID, settings: Settings, now: datetime
) -> None:
    """Publish what the job has cost up to now, and everything that follows from it."""
    job = await jobs.lock(tx, job_id, workspace_id)
    billed = await intervals.of_job(tx, job_id)
    cost = total_cost(billed, now)
    # Events come in any order: a machine heard of after the job's end makes the final cost be published again.
    if job.settled_at is not None and cost == job.settled_micro_usd:
        return
    running = any(interval.until is None for interval in billed)
    final = job.ended_at is not None and not running
    updated = CostUpdated(
        job_id=job_id,
        workspace_id=job.workspace_id,
        cost_micro_usd=cost,
        estimate_micro_usd=job.estimate_micro_usd,
        billed_seconds=billed_seconds(billed, now),
        running=running,
        final=final,
        as_of=now,
    )
    await emit(tx, new_event(updated, source=SOURCE))
    await _warn_of_overrun(tx, job, cost, settings, now)
    if final:
        await _settle(tx, job, billed, cost, now)
    await publish_alerts(tx, job.workspace_id, settings, now)


async def _warn_of_overrun(tx: AsyncConnection, job: JobAccount, cost: int, settings: Settings, now: datetime) -> None:
    variance = variance_percent(cost, job.estimate_micro_usd or 0)
    if job.overrun_published or variance <= settings.overrun_percent:
        return
    await jobs.change(tx, job.job_id, overrun_said=True)
    overrun = CostOverrun(
        job_id=job.job_id,
        workspace_id=job.workspace_id,
        cost_micro_usd=cost,
        estimate_micro_usd=job.estimate_micro_usd,
        variance_percent=variance,
        as_of=now,
    )
    await emit(tx, new_event(overrun, source=SOURCE))


async def _settle(
    tx: AsyncConnection, job: JobAccount, billed: Sequence[BilledInterval], cost: int, now: datetime
) -> None:
    log_error = _throughput_log_error(job, billed, now)
    await jobs.change(tx, job.job_id, settled_at=now, settled_micro_usd=cost, log_error=log_error)


def _throughput_log_error(job: JobAccount, billed: Sequence[BilledInterval], now: datetime) -> float | None:
    """log(actual / physical prediction) of a completed, uninterrupted run; others say nothing about throughput."""
    seconds = billed_seconds(billed, now)
    if job.outcome != "completed" or len(billed) != 1 or not job.physical_s or seconds <= 0:
        return None
    return math.log(seconds / job.physical_s)
