"""The rows of downloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.artifacts.tables import artifact_downloads, model_artifacts
from services.job_api.keyset import Cursor, InvalidCursor, decode

ADAPTERS, METRICS = "adapters", "metrics"
_ORDER = "-downloaded_at"


@dataclass(frozen=True)
class DownloadPage:
    rows: Sequence[RowMapping]
    next_cursor: str | None = None


async def record_download(tx: AsyncConnection, values: dict[str, Any]) -> None:
    """Who took what, when; adapters are counted on the model too."""
    await tx.execute(insert(artifact_downloads).values(**values))
    if values["kind"] != ADAPTERS:
        return
    models = model_artifacts.c
    await tx.execute(
        update(model_artifacts)
        .where(models.training_job_id == values["training_job_id"])
        .values(
            download_count=models.download_count + 1,
            last_downloaded_at=func.now(),
            last_downloaded_by=values["downloaded_by"],
        )
    )


async def page(tx: AsyncConnection, job_id: UUID, *, limit: int, after: str | None) -> DownloadPage:
    """The newest first. Raises InvalidCursor."""
    columns = artifact_downloads.c
    statement = select(artifact_downloads).where(columns.training_job_id == job_id)
    if after:
        statement = statement.where(tuple_(columns.downloaded_at, columns.id) < tuple_(*_position(after)))
    statement = statement.order_by(columns.downloaded_at.desc(), columns.id.desc()).limit(limit + 1)
    rows = (await tx.execute(statement)).mappings().all()
    if len(rows) <= limit:
        return DownloadPage(rows)
    last = rows[limit - 1]
    return DownloadPage(rows[:limit], Cursor(_ORDER, last["downloaded_at"].isoformat(), last["id"]).encode())


async def outdated_objects(tx: AsyncConnection, before: datetime, limit: int) -> Sequence[str]:
    """Keys of what was prepared and handed out by URLs all of which ended before then, the oldest first."""
    columns = artifact_downloads.c
    last = func.max(columns.expires_at)
    statement = select(columns.object_key).where(columns.object_key.is_not(None)).group_by(columns.object_key)
    return (await tx.execute(statement.having(last < before).order_by(last).limit(limit))).scalars().all()


async def forget_object(tx: AsyncConnection, key: str, before: datetime) -> None:
    """It is gone from the storage; who took it, and when, stays."""
    columns = artifact_downloads.c
    gone = (columns.object_key == key) & (columns.expires_at < before)
    await tx.execute(update(artifact_downloads).where(gone).values(object_key=None))


def _position(after: str) -> tuple[datetime, UUID]:
    cursor = decode(after, _ORDER)
    try:
        return datetime.fromisoformat(str(cursor.value)), cursor.id
    except ValueError as error:
        raise InvalidCursor("the cursor is damaged") from error
