"""What ends a run for the sake of money: its own is used up, and the month has none left."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import CostLimitReached
from services.cost_guard.adapters.repository import intervals, jobs
from services.cost_guard.application.budget_alerts import SOURCE
from services.cost_guard.domain.budget import BudgetState, stops_job
from services.cost_guard.domain.report import cost_report


async def stop_at_limit(
    tx: AsyncConnection, job_id: UUID, workspace_id: UUID, state: BudgetState, now: datetime
) -> None:
    """Say once that a running job may spend no more. Locks the job."""
    account = await jobs.lock(tx, job_id, workspace_id)
    if account.limit_published or account.ended_at is not None:
        return
    report = cost_report(await intervals.of_job(tx, job_id), ended=False, now=now)
    cost, held = report.cost_micro_usd, account.held_micro_usd
    if not report.running or not stops_job(state, cost_micro_usd=cost, held_micro_usd=held):
        return
    await jobs.change(tx, job_id, limit_said=True)
    reached = CostLimitReached(
        job_id=job_id,
        workspace_id=workspace_id,
        cost_micro_usd=cost,
        reserved_micro_usd=held,
        month=state.month,
        budget_micro_usd=state.limit_micro_usd,
        as_of=now,
    )
    await emit(tx, new_event(reached, source=SOURCE))
