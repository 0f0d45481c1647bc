"""The one clock that all replicas share."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection


class DatabaseClock:
    """For leases, deadlines and heartbeats: the clocks of two machines differ."""

    async def now(self, tx: AsyncConnection) -> datetime:
        moment: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
        return moment
