"""SQL of finished reconciliations."""

from datetime import datetime, timedelta

from sqlalchemy import exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cost_guard.adapters.tables import billing_reconciliations


async def is_due(connection: AsyncConnection, every_s: float) -> bool:
    """Whether none was finished within the last `every_s` seconds, by the database's clock."""
    recently = billing_reconciliations.c.finished_at > func.clock_timestamp() - timedelta(seconds=every_s)
    return bool((await connection.execute(select(~exists().where(recently)))).scalar_one())


async def last_asked_at(connection: AsyncConnection) -> datetime | None:
    """When the list of the newest finished comparison was asked for."""
    return (await connection.execute(select(func.max(billing_reconciliations.c.asked_at)))).scalar_one()


async def record(tx: AsyncConnection, asked_at: datetime, machines: int, corrections: int) -> None:
    row = {"asked_at": asked_at, "machines": machines, "corrections": corrections}
    await tx.execute(insert(billing_reconciliations).values(row))
