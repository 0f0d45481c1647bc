"""What happened to a job, in the transaction of its event."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event, JobEventData
from contracts.events import JobStartRequested
from services.cost_guard.adapters.repository import budgets, jobs
from services.cost_guard.application.budget_alerts import publish_alerts
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.domain.account import DELETED
from services.cost_guard.domain.reservation import held_by_start
from services.cost_guard.settings import Settings


async def start_job(tx: AsyncConnection, event: Event[JobStartRequested], settings: Settings) -> None:
    """The try that started the job is the one whose money it holds, whatever was asked and released meanwhile."""
    data = event.data
    await budgets.lock(tx, data.workspace_id, settings.default_budget_micro_usd)
    account = await jobs.lock(tx, data.job_id, data.workspace_id)
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    if account.ended_at is None:
        await jobs.change(
            tx,
            data.job_id,
            reservation_id=data.reservation_id,
            reserved_micro_usd=held_by_start(account, data.estimated_cost_micro_usd),
            estimate_micro_usd=account.estimate_micro_usd or data.estimated_cost_micro_usd,
        )


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
