"""One owner at a time for a duty that replicas share, in the service's own database and by its clock.

No lock is held and no transaction stays open meanwhile: an owner that hangs loses the duty when its time is over.
What it does afterwards must therefore be harmless (repeatable, or checked against the lease's holder).
"""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from sqlalchemy import Column, DateTime, MetaData, Table, Text, func, update
from sqlalchemy.dialects.postgresql import insert

from chassis.database.engine import Database


def leases_table(metadata: MetaData) -> Table:
    return Table(
        "leases",
        metadata,
        Column("name", Text, primary_key=True),
        Column("holder", Text, nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
    )


LEASES = leases_table(MetaData())


class Lease:
    """`if await lease.hold(): ...` before each piece of work that takes less than `duration_s`."""

    def __init__(self, database: Database, name: str, duration_s: float = 15.0) -> None:
        self._database, self._name, self._duration_s = database, name, duration_s
        self._holder = uuid.uuid4().hex
        self._renew_at = float("-inf")

    async def hold(self) -> bool:
        """Take the lease, or keep it: the database is asked only when less than half of its time is left."""
        asked_at = time.monotonic()
        if asked_at < self._renew_at:
            return True
        held = await self._take()
        self._renew_at = asked_at + self._duration_s / 2 if held else float("-inf")
        return held

    @asynccontextmanager
    async def released_at_the_end(self) -> AsyncIterator[None]:
        """So that a successor need not wait after an orderly stop."""
        try:
            yield
        finally:
            with suppress(Exception):
                await self.release()

    async def release(self) -> None:
        self._renew_at = float("-inf")
        async with self._database.transaction() as tx:
            mine = (LEASES.c.name == self._name) & (LEASES.c.holder == self._holder)
            await tx.execute(update(LEASES).where(mine).values(expires_at=func.clock_timestamp()))

    async def _take(self) -> bool:
        until = func.clock_timestamp() + timedelta(seconds=self._duration_s)
        row = insert(LEASES).values(name=self._name, holder=self._holder, expires_at=until)
        statement = row.on_conflict_do_update(
            index_elements=[LEASES.c.name], set_={"holder": self._holder, "expires_at": until},
            where=(LEASES.c.holder == self._holder) | (LEASES.c.expires_at < func.clock_timestamp()),
        )
        async with self._database.transaction() as tx:
            return (await tx.execute(statement)).rowcount == 1
