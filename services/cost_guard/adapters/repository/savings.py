"""What spot machines cost beside what they would have cost on demand, of many jobs in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, BindParameter, ColumnElement, Uuid, all_, any_, func, literal, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import PricingTier
from contracts.rpc.costs import SpotSavings
from services.cost_guard.adapters.repository.cost_expression import cost
from services.cost_guard.adapters.tables import billing_intervals

_bill = billing_intervals.c


async def of_jobs(
    connection: AsyncConnection, workspace_id: UUID, job_ids: Sequence[UUID], now: datetime
) -> SpotSavings:
    return await _sums(connection, workspace_id, _bill.job_id == any_(_ids(job_ids)), now)


async def of_all_but(
    connection: AsyncConnection, workspace_id: UUID, job_ids: Sequence[UUID], now: datetime
) -> SpotSavings:
    return await _sums(connection, workspace_id, _bill.job_id != all_(_ids(job_ids)), now)


def _ids(job_ids: Sequence[UUID]) -> BindParameter[Any]:
    return literal(list(job_ids), ARRAY(Uuid))


async def _sums(
    connection: AsyncConnection, workspace_id: UUID, wanted: ColumnElement[bool], now: datetime
) -> SpotSavings:
    until = func.coalesce(_bill.terminated_at, now)
    by_job = select(
        func.bool_or(_bill.on_demand_micro_usd_per_hour.is_(None)).label("unknown"),
        func.sum(cost(_bill.running_since, until)).label("paid"),
        func.sum(cost(_bill.running_since, until, _bill.on_demand_micro_usd_per_hour)).label("on_demand"),
    ).where(_bill.workspace_id == workspace_id, wanted).group_by(_bill.job_id).having(
        func.bool_or(_bill.pricing_tier == PricingTier.SPOT.value)).subquery()
    known = ~by_job.c.unknown
    row = (await connection.execute(select(
        func.count().filter(known), func.count().filter(by_job.c.unknown),
        *(sql_cast(func.coalesce(func.sum(amount).filter(known), 0), BigInteger)
          for amount in (by_job.c.paid, by_job.c.on_demand))).select_from(by_job))).one()
    return SpotSavings(jobs=row[0], unknown_jobs=row[1], paid_micro_usd=row[2], on_demand_micro_usd=row[3])
