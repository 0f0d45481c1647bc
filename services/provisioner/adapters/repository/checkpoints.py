"""Rows of `checkpoints`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, exists, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import CheckpointSaved
from services.provisioner.adapters.tables import checkpoints, jobs


async def insert_saved(tx: AsyncConnection, saved: CheckpointSaved) -> None:
    await tx.execute(insert(checkpoints).values(
        job_id=saved.job_id, attempt=saved.attempt, step=saved.step, workspace_id=saved.workspace_id,
        bucket=saved.bucket, manifest_key=saved.manifest_key, manifest_sha256=saved.manifest_sha256,
        keys=[file.key for file in saved.files], size_bytes=saved.size_bytes, saved_at=saved.saved_at,
    ).on_conflict_do_nothing())


async def known(tx: AsyncConnection, job_id: UUID) -> set[tuple[int, int]]:
    """(attempt, step) of every checkpoint ever heard of, deleted ones included."""
    statement = select(checkpoints.c.attempt, checkpoints.c.step).where(checkpoints.c.job_id == job_id)
    return {(row.attempt, row.step) for row in await tx.execute(statement)}


async def newest(tx: AsyncConnection, job_id: UUID, count: int) -> list[Row[Any]]:
    """What can be resumed from, the furthest step first, of two attempts at the same step the later."""
    kept = (checkpoints.c.job_id == job_id) & checkpoints.c.deleted_at.is_(None)
    order = (checkpoints.c.step.desc(), checkpoints.c.attempt.desc())
    return list(await tx.execute(select(checkpoints).where(kept).order_by(*order).limit(count)))


async def mark_deleted(tx: AsyncConnection, job_id: UUID, now: datetime, *, attempt: int, step: int) -> bool:
    """Offer this checkpoint no more; its objects are deleted later. False: no such checkpoint (any more)."""
    one = ((checkpoints.c.job_id == job_id) & (checkpoints.c.attempt == attempt) & (checkpoints.c.step == step)
           & checkpoints.c.deleted_at.is_(None))
    return (await tx.execute(update(checkpoints).where(one).values(deleted_at=now))).rowcount == 1


async def mark_of_ended_jobs(
    tx: AsyncConnection, now: datetime, *, ended_before: datetime
) -> set[tuple[UUID, UUID]]:
    """Offer no checkpoint of a job that ended that long ago; its adapter lies with the artifacts. One that another job
    is about to go on from is kept until that has saved its own. Returns (job, workspace) of those that lost theirs."""
    heirs = jobs.alias("heirs")
    awaited = exists().where(
        heirs.c.spec["continues"].as_string() == sql_cast(jobs.c.job_id, Text), heirs.c.ended_at.is_(None),
        heirs.c.best_step.is_(None))
    ended = select(jobs.c.job_id).where(jobs.c.ended_at < ended_before, ~awaited).scalar_subquery()
    old = checkpoints.c.deleted_at.is_(None) & checkpoints.c.job_id.in_(ended)
    marked = update(checkpoints).where(old).values(deleted_at=now)
    rows = await tx.execute(marked.returning(checkpoints.c.job_id, checkpoints.c.workspace_id))
    return {(row.job_id, row.workspace_id) for row in rows}


async def jobs_to_sweep(tx: AsyncConnection, *, ended_before: datetime, count: int) -> list[Row[Any]]:
    """(workspace_id, job_id) of jobs that ended that long ago and whose folder was not emptied."""
    due = (jobs.c.ended_at < ended_before) & jobs.c.swept_at.is_(None)
    columns = select(jobs.c.workspace_id, jobs.c.job_id).where(due).order_by(jobs.c.ended_at).limit(count)
    return list(await tx.execute(columns))


async def mark_swept(tx: AsyncConnection, job_id: UUID, now: datetime) -> None:
    await tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(swept_at=now))


async def to_purge(tx: AsyncConnection, count: int) -> list[Row[Any]]:
    """Deleted checkpoints whose objects still exist. Two replicas may both delete them: no harm."""
    wanted = checkpoints.c.deleted_at.is_not(None) & checkpoints.c.purged_at.is_(None)
    return list(await tx.execute(select(checkpoints).where(wanted).order_by(checkpoints.c.deleted_at).limit(count)))


async def mark_purged(tx: AsyncConnection, row: Row[Any], now: datetime) -> None:
    one = ((checkpoints.c.job_id == row.job_id) & (checkpoints.c.attempt == row.attempt)
           & (checkpoints.c.step == row.step))
    await tx.execute(update(checkpoints).where(one).values(purged_at=now))
