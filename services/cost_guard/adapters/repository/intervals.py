"""SQL of billing intervals."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.tables import billing_intervals
from services.cost_guard.domain.billing import BilledInterval


async def save(tx: AsyncConnection, row: dict[str, Any]) -> None:
    """Begin billing a machine. Events come in any order: one that is known to be gone stays gone."""
    statement = insert(billing_intervals).values(row)
    keep_end = func.coalesce(billing_intervals.c.terminated_at, statement.excluded.terminated_at)
    await tx.execute(
        statement.on_conflict_do_update(constraint=billing_intervals.primary_key, set_={"terminated_at": keep_end})
    )


async def of_job(connection: AsyncConnection, job_id: UUID) -> list[BilledInterval]:
    query = select(billing_intervals).where(billing_intervals.c.job_id == job_id)
    return [interval_of(row) for row in await connection.execute(query)]


def interval_of(row: Row[Any]) -> BilledInterval:
    return BilledInterval(row.rate_micro_usd_per_hour, row.running_since, row.terminated_at)
