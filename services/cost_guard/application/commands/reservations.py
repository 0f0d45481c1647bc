"""Money for a start: priced, decided and reserved under the budget's lock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from contracts.identifiers import uuid7
from contracts.rpc.costs import Estimate, ReleaseRequest, ReserveReply, ReserveRequest
from services.cost_guard.adapters.repository import budgets, jobs
from services.cost_guard.application.pricing import Quote, estimate_of, quote
from services.cost_guard.domain.account import JobAccount
from services.cost_guard.domain.budget import refusal
from services.cost_guard.domain.reservation import closed, is_asked_again, is_releasable, no_start
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
    async with database.transaction() as tx:
        # Before the lock: everybody of the workspace waits for it.
        quoted = await quote(tx, request.estimate, offered, now)
        await budgets.lock(tx, workspace_id, limit)
        account = await jobs.lock(tx, request.job_id, workspace_id)
        state = await budgets.state(tx, workspace_id, now, default_limit=limit, without=request.job_id)
        estimate = estimate_of(quoted, state)
        if is_asked_again(account, workspace_id, request.reservation_id):
            return _as_before(account, estimate)
        if reason := no_start(account, workspace_id, request.reservation_id):
            return ReserveReply(accepted=False, estimate=estimate, refusal=reason)
        if reason := refusal(state, quoted.cost.high):
            await _withdraw(tx, account)
            return ReserveReply(accepted=False, estimate=estimate, refusal=reason)
        return await _hold(tx, account, request.reservation_id or uuid7(), quoted, estimate)


async def release(database: Database, request: ReleaseRequest) -> bool:
    """Give back what a try reserved that led to no start. False when nothing was given back.

    The try is over in either case: its request may come after this one and must then reserve nothing.
    """
    async with database.transaction() as tx:
        account = await jobs.lock(tx, request.job_id, request.workspace_id)
        if is_releasable(account, request.workspace_id, request.reservation_id):
            await _withdraw(tx, account)
            return True
        if account.is_pending and account.workspace_id == request.workspace_id:
            tries = closed(account, request.reservation_id)
            await jobs.change(tx, account.job_id, closed_reservations=tries)
        return False


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


async def _withdraw(tx: AsyncConnection, account: JobAccount) -> None:
    tries = closed(account, account.reservation_id)
    await jobs.change(tx, account.job_id, reservation_id=None, reserved_micro_usd=0, closed_reservations=tries)


def _as_before(account: JobAccount, fallback: Estimate) -> ReserveReply:
    return ReserveReply(
        accepted=True,
        reservation_id=account.reservation_id,
        reserved_micro_usd=account.reserved_micro_usd,
        estimate=fallback if account.estimate is None else Estimate.model_validate(account.estimate),
    )
