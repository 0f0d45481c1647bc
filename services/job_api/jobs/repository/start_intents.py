"""Starts that asked for money and have not queued their job yet: one row for each try, named like its reservation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.tables import start_intents

_intents = start_intents.c
_OPEN = _intents.releasing_at.is_(None)
_CLOSED_AT = func.coalesce(_intents.releasing_at, func.now())


@dataclass(frozen=True)
class StartIntent:
    """`reservation_id` is None for what an older release asked for: its tries had no names."""

    id: UUID
    job_id: UUID
    workspace_id: UUID
    reservation_id: UUID | None


async def open_one(tx: AsyncConnection, job_id: UUID, *, fresh_for: timedelta) -> tuple[StartIntent, bool] | None:
    """The job's open intent and whether it is fresh, locked; None: nobody is starting the job."""
    fresh = _intents.asked_at > func.now() - fresh_for
    statement = select(start_intents, fresh.label("fresh")).where(_intents.job_id == job_id, _OPEN).with_for_update()
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else (_intent(row), row.fresh)


async def add(tx: AsyncConnection, intent: StartIntent) -> None:
    await tx.execute(insert(start_intents).values(**vars(intent)))


async def take(tx: AsyncConnection, intent_id: UUID) -> bool:
    """Use it up. False: it is not open any more."""
    return (await tx.execute(delete(start_intents).where(_intents.id == intent_id, _OPEN))).rowcount == 1


async def close(tx: AsyncConnection, intent_id: UUID) -> bool:
    """Nobody may queue a job with it from here on. False: it was used up or is forgotten."""
    closing = update(start_intents).where(_intents.id == intent_id).values(releasing_at=_CLOSED_AT)
    return (await tx.execute(closing)).rowcount == 1


async def add_closed(tx: AsyncConnection, intent: StartIntent) -> None:
    """Closed, whether or not it is still there: what it reserved must be given back."""
    statement = upsert(start_intents).values(**vars(intent), releasing_at=func.now())
    await tx.execute(statement.on_conflict_do_update(
        index_elements=["id"], set_={"releasing_at": _CLOSED_AT}))


async def forget(tx: AsyncConnection, intent_id: UUID) -> None:
    await tx.execute(delete(start_intents).where(_intents.id == intent_id))


async def abandoned(connection: AsyncConnection, older_than: timedelta, limit: int = 50) -> Sequence[StartIntent]:
    """Closed ones, and open ones of that age."""
    due = or_(_intents.releasing_at.is_not(None), _intents.asked_at < func.now() - older_than)
    statement = select(start_intents).where(due).order_by(_intents.asked_at).limit(limit)
    return [_intent(row) for row in await connection.execute(statement)]


def _intent(row: Row[tuple[object, ...]]) -> StartIntent:
    return StartIntent(row.id, row.job_id, row.workspace_id, row.reservation_id)
