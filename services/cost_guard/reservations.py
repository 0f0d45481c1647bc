"""Money for a start: estimate, decide and reserve in one transaction under the budget's lock."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.identifiers import uuid7
from contracts.rpc.costs import Estimate, ReserveReply, ReserveRequest
from services.cost_guard import budgets, ledger
from services.cost_guard.domain.budget import refusal
from services.cost_guard.estimates import estimate


async def reserve(tx: AsyncConnection, request: ReserveRequest, default_limit: int, now: datetime) -> ReserveReply:
    """Reserve the upper end of the estimate, or say why not. Asked again for the same job, the answer is the same."""
    workspace_id = request.estimate.workspace_id
    limit = await budgets.lock_budget(tx, workspace_id, default_limit)
    await ledger.add_job(tx, request.job_id, workspace_id)
    job = await ledger.locked_job(tx, request.job_id)
    if job is not None and job.reservation_id is not None and job.ended_at is None:
        return _as_before(job)
    state = await budgets.budget_state(tx, workspace_id, limit, now)
    estimated = await estimate(tx, request.estimate, state, now)
    needed = estimated.estimate.cost_micro_usd.high
    if reason := refusal(state, needed):
        return ReserveReply(accepted=False, estimate=estimated.estimate, refusal=reason)
    reservation_id = uuid7()
    await ledger.change_job(
        tx,
        request.job_id,
        reservation_id=reservation_id,
        reserved_micro_usd=needed,
        estimate_micro_usd=estimated.estimate.cost_micro_usd.expected,
        physical_s=estimated.priced.physical_s,
        estimate=estimated.estimate.model_dump(mode="json"),
        estimate_key=estimated.key,
        ended_at=None,
    )
    return ReserveReply(
        accepted=True, reservation_id=reservation_id, reserved_micro_usd=needed, estimate=estimated.estimate
    )


def _as_before(job: Row[Any]) -> ReserveReply:
    return ReserveReply(
        accepted=True,
        reservation_id=job.reservation_id,
        reserved_micro_usd=job.reserved_micro_usd,
        estimate=Estimate.model_validate(job.estimate),
    )


async def release(tx: AsyncConnection, request: Any) -> bool:
    """Give a reservation back that led to no start; False when there is none (or it is another workspace's)."""
    job = await ledger.locked_job(tx, request.job_id)
    if job is None or job.workspace_id != request.workspace_id or job.reservation_id is None:
        return False
    await ledger.change_job(tx, request.job_id, reservation_id=None, reserved_micro_usd=0)
    return True
