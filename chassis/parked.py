"""`python -m chassis.parked list|retry services.NAME [...]`: events that no stream could take as they are.

An event is parked when it is larger than the broker takes, or its subject is not one. After the cause is removed (a
larger `max_payload`, a newer release) `retry` lets the relay publish it.
"""

import asyncio
import sys

from sqlalchemy import select, update

from chassis.database.engine import Database
from chassis.database.migrate import database_url
from chassis.messaging.outbox import OUTBOX


async def list_parked(database: Database) -> list[str]:
    """One line for each: id, subject, when and why."""
    columns = (OUTBOX.c.id, OUTBOX.c.subject, OUTBOX.c.parked_at, OUTBOX.c.parked_reason)
    statement = select(*columns).where(OUTBOX.c.parked_at.is_not(None)).order_by(OUTBOX.c.position)
    async with database.read() as connection:
        rows = (await connection.execute(statement)).all()
    return [f"{row.id} {row.subject} parked {row.parked_at:%Y-%m-%d %H:%M:%S}Z: {row.parked_reason}" for row in rows]


async def retry_parked(database: Database) -> int:
    """Hand them to the relay again; how many."""
    statement = update(OUTBOX).where(OUTBOX.c.parked_at.is_not(None)).values(parked_at=None, parked_reason=None)
    async with database.transaction() as tx:
        return (await tx.execute(statement)).rowcount


async def _run(action: str, services: list[str]) -> None:
    for service in services:
        database = Database(database_url(service, only_one=len(services) == 1), pool_size=1)
        try:
            if action == "list":
                lines = await list_parked(database)
                print("\n".join(lines) if lines else f"{service}: nothing is parked")
            else:
                print(f"{service}: {await retry_parked(database)} events are tried again")
        finally:
            await database.dispose()


def main(arguments: list[str]) -> None:
    if len(arguments) < 2 or arguments[0] not in ("list", "retry"):
        raise SystemExit("usage: python -m chassis.parked list|retry SERVICE_PACKAGE [SERVICE_PACKAGE ...]")
    asyncio.run(_run(arguments[0], arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
