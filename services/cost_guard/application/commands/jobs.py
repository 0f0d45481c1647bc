"""What happened to a job, in the transaction of its event."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event, JobEventData
from contracts.events import JobPauseRequested, JobStartRequested
from services.cost_guard.adapters.repository import budgets, intervals, jobs
from services.cost_guard.application.budget_alerts import publish_alerts
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.domain.account import DELETED
from services.cost_guard.domain.billing import total_cost
from services.cost_guard.domain.reservation import held_by_start, paused, started_again
from services.cost_guard.settings import Settings


async def start_job(tx: AsyncConnection, event: Event[JobStartRequested], settings: Settings) -> None:
    """The try that started the job is the one whose money it holds, whatever was asked and released meanwhile."""
    if event.data.run > 1:
        await _start_again(tx, event, settings)
        return
    data = event.data
    await budgets.lock(tx, data.workspace_id, settings.default_budget_micro_usd)
    account = await jobs.lock(tx, data.job_id, data.workspace_id)
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    if account.ended_at is None and account.run == 0:
        await jobs.change(
            tx,
            data.job_id,
            run=data.run,
            reservation_id=data.reservation_id,
            reserved_micro_usd=held_by_start(account, data.run, data.estimated_cost_micro_usd),
            estimate_micro_usd=account.estimate_micro_usd or data.estimated_cost_micro_usd,
        )


async def _start_again(tx: AsyncConnection, event: Event[JobStartRequested], settings: Settings) -> None:
    """A resume, or another tier: for what remains, beside what was spent."""
    data = event.data
    await budgets.lock(tx, data.workspace_id, settings.default_budget_micro_usd)
    account = await jobs.lock(tx, data.job_id, data.workspace_id)
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    if account.ended_at is None and data.run > account.run:
        spent = total_cost(await intervals.of_job(tx, data.job_id), event.time)
        await jobs.change(tx, data.job_id, **started_again(
            account, data.run, data.reservation_id, spent_micro_usd=spent,
            expected_micro_usd=data.estimated_cost_micro_usd))


async def pause_job(tx: AsyncConnection, event: Event[JobPauseRequested]) -> None:
    """The unused part of what the job holds is free from here on. A later start has ended an older pause."""
    account = await jobs.lock(tx, event.data.job_id, event.data.workspace_id)
    if account.ended_at is None and event.data.run >= account.run:
        await jobs.change(tx, account.job_id, **paused(account, event.data.run, event.data.reservation_id))


async def note_machine(tx: AsyncConnection, event: Event[JobEventData]) -> None:
    """Whatever is said about a machine: its job has started, though the event of the start may come later."""
    await jobs.mark_started(tx, event.data.job_id, event.data.workspace_id, event.time)


async def end_job(tx: AsyncConnection, event: Event[JobEventData], settings: Settings, now: datetime) -> None:
    """Completed, failed, cancelled: what is left of its reservation is free from here on."""
    account = await jobs.lock(tx, event.data.job_id, event.data.workspace_id)
    if account.ended_at is None:
        await jobs.change(tx, account.job_id, ended_at=event.time, outcome=event.data.event)
    await report_cost(tx, account.job_id, account.workspace_id, settings, now)
    await publish_alerts(tx, account.workspace_id, settings, now)


async def delete_job(tx: AsyncConnection, event: Event[JobEventData], now: datetime) -> None:
    """It never started: nothing was billed, nothing is published. A request that comes late finds that it ended."""
    account = await jobs.lock(tx, event.data.job_id, event.data.workspace_id)
    if account.ended_at is None:
        await jobs.change(
            tx, account.job_id, ended_at=event.time, outcome=DELETED, reservation_id=None, reserved_micro_usd=0,
            settled_at=now, settled_micro_usd=0,
        )
