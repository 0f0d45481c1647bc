"""The cost of a job as time passes: publish what is news, warn when it leaves the estimate, settle it at the end."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import after_commit
from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import CostOverrun, CostUpdated
from services.cost_guard.adapters.repository import intervals, jobs
from services.cost_guard.application.budget_alerts import SOURCE
from services.cost_guard.application.metrics import ESTIMATE_RATIO, OVERRUNS
from services.cost_guard.domain.account import DELETED, JobAccount
from services.cost_guard.domain.billing import BilledInterval
from services.cost_guard.domain.budget import variance_percent
from services.cost_guard.domain.report import CostReport, cost_report, is_news, throughput_log_error
from services.cost_guard.settings import Settings


async def report_cost(
    tx: AsyncConnection, job_id: UUID, workspace_id: UUID, settings: Settings, now: datetime
) -> None:
    """Publish what the job has cost up to now if that is news. Locks the job."""
    account = await jobs.lock(tx, job_id, workspace_id)
    billed = await intervals.of_job(tx, job_id)
    report = cost_report(billed, ended=account.ended_at is not None, now=now)
    if account.outcome != DELETED:  # nobody knows a deleted job any more
        await _publish(tx, account, report, settings, now)
        await _warn_of_overrun(tx, account, report.cost_micro_usd, settings, now)
    if report.final and report.cost_micro_usd != account.settled_micro_usd:
        await _settle(tx, account, billed, report, now)


async def _publish(
    tx: AsyncConnection, account: JobAccount, report: CostReport, settings: Settings, now: datetime
) -> None:
    estimate = account.estimate_micro_usd
    if not is_news(report, account.published, estimate_micro_usd=estimate, every_s=settings.publish_after_s):
        return
    await jobs.mark_published(tx, account.job_id, report)
    updated = CostUpdated(
        job_id=account.job_id,
        workspace_id=account.workspace_id,
        cost_micro_usd=report.cost_micro_usd,
        estimate_micro_usd=estimate,
        billed_seconds=report.billed_seconds,
        running=report.running,
        final=report.final,
        outcome=account.outcome,
        as_of=now,
    )
    await emit(tx, new_event(updated, source=SOURCE))


async def _warn_of_overrun(
    tx: AsyncConnection, account: JobAccount, cost: int, settings: Settings, now: datetime
) -> None:
    variance = variance_percent(cost, account.estimate_micro_usd or 0)
    if account.overrun_published or variance <= settings.overrun_percent:
        return
    await jobs.change(tx, account.job_id, overrun_said=True)
    overrun = CostOverrun(
        job_id=account.job_id,
        workspace_id=account.workspace_id,
        cost_micro_usd=cost,
        estimate_micro_usd=account.estimate_micro_usd or 0,
        variance_percent=variance,
        as_of=now,
    )
    await emit(tx, new_event(overrun, source=SOURCE))
    after_commit(tx, OVERRUNS.inc)


async def _settle(
    tx: AsyncConnection, account: JobAccount, billed: Sequence[BilledInterval], report: CostReport, now: datetime
) -> None:
    log_error = throughput_log_error(billed, outcome=account.outcome, physical_s=account.physical_s, now=now)
    settled = {"settled_at": now, "settled_micro_usd": report.cost_micro_usd, "log_error": log_error}
    await jobs.change(tx, account.job_id, **settled)
    if account.outcome == "completed" and account.estimate_micro_usd:
        ratio = report.cost_micro_usd / account.estimate_micro_usd
        after_commit(tx, lambda: ESTIMATE_RATIO.observe(ratio))
