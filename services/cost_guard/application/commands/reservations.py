"""Money for a start: estimate, decide and reserve in one transaction under the budget's lock."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from chassis.database.engine import Database
from contracts.identifiers import uuid7
from contracts.rpc.costs import Estimate, ReleaseRequest, ReserveReply, ReserveRequest
from services.cost_guard.adapters.repository import budgets, jobs
from services.cost_guard.application.pricing import estimate_of, quote
from services.cost_guard.domain.budget import refusal
from services.cost_guard.settings import Settings


async def reserve(database: Database, request: ReserveRequest, settings: Settings, now: datetime) -> ReserveReply:
    """Reserve the upper end of the estimate, or say why not. Asked again for the same job, the answer is the same."""
    workspace_id, limit = request.estimate.workspace_id, settings.default_budget_micro_usd
    async with database.transaction() as tx:
        await budgets.lock(tx, workspace_id, limit)
        await jobs.add(tx, request.job_id, workspace_id)
        job = await jobs.lock(tx, request.job_id)
        if job is not None and job.reservation_id is not None and job.ended_at is None:
            return _as_before(job)
        quoted = await quote(tx, request.estimate, now)
        state = await budgets.state(tx, workspace_id, now, default_limit=limit)
        estimate = estimate_of(quoted, state)
        if reason := refusal(state, quoted.cost.high):
            return ReserveReply(accepted=False, estimate=estimate, refusal=reason)
        reply = ReserveReply(
            accepted=True, reservation_id=uuid7(), reserved_micro_usd=quoted.cost.high, estimate=estimate
        )
        await jobs.change(
            tx,
            request.job_id,
            reservation_id=reply.reservation_id,
            reserved_micro_usd=reply.reserved_micro_usd,
            estimate_micro_usd=quoted.cost.expected,
            physical_s=quoted.priced.physical_s,
            estimate=estimate.model_dump(mode="json"),
            estimate_key=quoted.experience_key,
            ended_at=None,
        )
        return reply


def _as_before(job: Row[Any]) -> ReserveReply:
    return ReserveReply(
        accepted=True,
        reservation_id=job.reservation_id,
        reserved_micro_usd=job.reserved_micro_usd,
        estimate=Estimate.model_validate(job.estimate),
    )


async def release(database: Database, request: ReleaseRequest) -> bool:
    """Give a reservation back that led to no start; False when there is none (or it is another workspace's)."""
    async with database.transaction() as tx:
        job = await jobs.lock(tx, request.job_id)
        if job is None or job.workspace_id != request.workspace_id or job.reservation_id is None:
            return False
        await jobs.change(tx, request.job_id, reservation_id=None, reserved_micro_usd=0)
        return True
