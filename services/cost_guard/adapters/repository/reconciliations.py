"""SQL of finished reconciliations, by the database's clock."""

from datetime import timedelta

from sqlalchemy import exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.tables import billing_reconciliations


async def is_due(connection: AsyncConnection, every_s: float) -> bool:
    """Whether none was finished within the last `every_s` seconds."""
    recently = billing_reconciliations.c.finished_at > func.clock_timestamp() - timedelta(seconds=every_s)
    return bool((await connection.execute(select(~exists().where(recently)))).scalar_one())


async def record(tx: AsyncConnection, machines: int, corrections: int) -> None:
    await tx.execute(insert(billing_reconciliations).values(machines=machines, corrections=corrections))
