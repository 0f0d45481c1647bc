"""Money for a start: priced, decided and reserved under the budget's lock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from contracts.identifiers import uuid7
from contracts.rpc.costs import Estimate, ReleaseRequest, ReserveReply, ReserveRequest
from services.cost_guard.adapters.repository import budgets, intervals, jobs
from services.cost_guard.application.pricing import Quote, estimate_of, experience, quote
from services.cost_guard.domain.account import JobAccount, JobOfAnotherWorkspace
from services.cost_guard.domain.billing import total_cost
from services.cost_guard.domain.budget import refusal
from services.cost_guard.domain.reservation import (
    OF_ANOTHER_WORKSPACE,
    closed,
    is_asked_again,
    is_next,
    is_releasable,
    next_given_up,
    next_held,
    no_start,
)
from services.cost_guard.ports import PriceList
from services.cost_guard.settings import Settings


async def reserve(
    database: Database, prices: PriceList, request: ReserveRequest, settings: Settings, now: datetime
) -> ReserveReply:
    """Reserve the upper end of the estimate for this try, or say why not. Raises RateUnknown.

    The same try gets the same answer. Another try for a job that has not started takes the place of the one before,
    whether or not there is money for it: who tries anew has given the earlier try up.
    """
    workspace_id, limit = request.estimate.workspace_id, settings.default_budget_micro_usd
    offered = await prices.prices(request.estimate.gpu_type)
    learnt = await experience(database, request.estimate)
    async with database.transaction() as tx:
        # Before the lock: everybody of the workspace waits for it.
        quoted = await quote(tx, request.estimate, offered, learnt, now)
        await budgets.lock(tx, workspace_id, limit)
        account = await _lock(tx, request.job_id, workspace_id)
        state = await budgets.state(tx, workspace_id, now, default_limit=limit, without=request.job_id)
        estimate = estimate_of(quoted, state)
        if account is None:
            return ReserveReply(accepted=False, estimate=estimate, refusal=OF_ANOTHER_WORKSPACE)
        if is_asked_again(account, workspace_id, request.reservation_id):
            return _as_before(account, estimate)
        if reason := no_start(account, workspace_id, request.reservation_id, resumes=request.resumes):
            return ReserveReply(accepted=False, estimate=estimate, refusal=reason)
        if reason := refusal(state, quoted.cost.high):
            await _withdraw(tx, account)
            return ReserveReply(accepted=False, estimate=estimate, refusal=reason)
        if request.resumes and request.reservation_id is not None:
            return await _hold_next(tx, account, request.reservation_id, quoted, estimate, now)
        return await _hold(tx, account, request.reservation_id or uuid7(), quoted, estimate)


async def release(database: Database, request: ReleaseRequest) -> bool:
    """Give back what a try reserved that led to no start. False when nothing was given back.

    The try is over in either case: its request may come after this one and must then reserve nothing.
    """
    async with database.transaction() as tx:
        account = await _lock(tx, request.job_id, request.workspace_id)
        if account is None:
            return False
        if is_releasable(account, request.workspace_id, request.reservation_id):
            await _withdraw(tx, account)
            return True
        if is_next(account, request.workspace_id, request.reservation_id):
            await jobs.change(tx, account.job_id, **next_given_up(account))
            return True
        if _may_be_late(account, request) and account.workspace_id == request.workspace_id:
            tries = closed(account, request.reservation_id)
            await jobs.change(tx, account.job_id, closed_reservations=tries)
        return False


async def _lock(tx: AsyncConnection, job_id: UUID, workspace_id: UUID) -> JobAccount | None:
    """None for a job of another workspace."""
    try:
        return await jobs.lock(tx, job_id, workspace_id)
    except JobOfAnotherWorkspace:
        return None


async def _hold(
    tx: AsyncConnection, account: JobAccount, reservation_id: UUID, quoted: Quote, estimate: Estimate
) -> ReserveReply:
    await jobs.change(
        tx,
        account.job_id,
        reservation_id=reservation_id,
        reserved_micro_usd=quoted.cost.high,
        closed_reservations=closed(account, account.reservation_id),
        estimate_micro_usd=quoted.cost.expected,
        physical_s=quoted.priced.physical_s,
        estimate=estimate.model_dump(mode="json"),
        estimate_key=quoted.experience_key,
    )
    return ReserveReply(
        accepted=True, reservation_id=reservation_id, reserved_micro_usd=quoted.cost.high, estimate=estimate
    )


async def _hold_next(
    tx: AsyncConnection, account: JobAccount, reservation_id: UUID, quoted: Quote, estimate: Estimate, now: datetime
) -> ReserveReply:
    """For what remains, beside what was spent: a job's reservation always counts from its beginning."""
    if not is_next(account, account.workspace_id, reservation_id):
        spent = total_cost(await intervals.of_job(tx, account.job_id), now)
        await jobs.change(tx, account.job_id, **next_held(account, reservation_id, spent + quoted.cost.high))
    return ReserveReply(
        accepted=True, reservation_id=reservation_id, reserved_micro_usd=quoted.cost.high, estimate=estimate
    )


def _may_be_late(account: JobAccount, request: ReleaseRequest) -> bool:
    """Whether the request that this one gives up may come after it."""
    started = account.started_at is not None and request.reservation_id not in (None, account.reservation_id)
    return account.is_pending or (started and account.ended_at is None)


async def _withdraw(tx: AsyncConnection, account: JobAccount) -> None:
    """The try before; of a job that has run only what it asked for beside what it holds."""
    if account.started_at is not None:
        await jobs.change(tx, account.job_id, **next_given_up(account))
        return
    tries = closed(account, account.reservation_id)
    await jobs.change(tx, account.job_id, reservation_id=None, reserved_micro_usd=0, closed_reservations=tries)


def _as_before(account: JobAccount, fallback: Estimate) -> ReserveReply:
    return ReserveReply(
        accepted=True,
        reservation_id=account.reservation_id,
        reserved_micro_usd=account.reserved_micro_usd,
        estimate=fallback if account.estimate is None else Estimate.model_validate(account.estimate),
    )
