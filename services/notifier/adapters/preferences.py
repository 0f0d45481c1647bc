"""SQL of what a workspace wants to hear of, and of what it was told."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.adapters.tables import deliveries, muted_notifications

_c = muted_notifications.c


async def muted_channels(tx: AsyncConnection, workspace_id: UUID, happening: str) -> set[str]:
    """By which the workspace does not want to hear of it."""
    statement = select(_c.channel).where(_c.workspace_id == workspace_id, _c.happening == happening)
    return set((await tx.execute(statement)).scalars())


async def muted(tx: AsyncConnection, workspace_id: UUID) -> set[tuple[str, str]]:
    """(happening, channel) of all."""
    rows = await tx.execute(select(_c.happening, _c.channel).where(_c.workspace_id == workspace_id))
    return {(row.happening, row.channel) for row in rows}


async def mute(tx: AsyncConnection, workspace_id: UUID, happening: str, channels: Collection[str], by: str) -> None:
    """Exactly these channels are muted for it."""
    mine = (_c.workspace_id == workspace_id) & (_c.happening == happening)
    await tx.execute(delete(muted_notifications).where(mine, _c.channel.not_in(channels)))
    for channel in channels:
        row = {"workspace_id": workspace_id, "happening": happening, "channel": channel, "muted_by": by}
        await tx.execute(insert(muted_notifications).values(row).on_conflict_do_nothing())


async def newest_deliveries(tx: AsyncConnection, workspace_id: UUID, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    d = deliveries.c
    statement = select(d.kind, d.channel, d.status, d.content, d.created_at, d.sent_at, d.last_error)
    mine = statement.where(d.workspace_id == workspace_id).order_by(d.created_at.desc()).limit(limit)
    return (await tx.execute(mine)).all()
