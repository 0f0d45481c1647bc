"""Keeping, deleting and cleaning up files: rows in short transactions, objects between them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.objects.store import ObjectStore, ObjectStoreUnavailable
from contracts.identifiers import uuid7
from contracts.training_file import CANONICAL_MEDIA_TYPE
from services.job_api.callers import Caller
from services.job_api.files.errors import TrainingFileInUse, TrainingFileNotFound, UploadTooSlow
from services.job_api.files.reader import Imported
from services.job_api.files.receive import Received
from services.job_api.files.repository import files as repository

BUCKET = "training-files"
SWEEP_EVERY_S = 600.0
# Longer than any upload of 200 MB takes.
INTERRUPTED_AFTER = timedelta(hours=1)
_SWEPT_AT_ONCE = 100
_JOBS_NAMED = 10
_CHUNK = 1024 * 1024

ResultT = TypeVar("ResultT")
# Called last in the transaction that shows the file, or hides it, with its row.
Finish = Callable[[AsyncConnection, RowMapping], Awaitable[ResultT]]

log = structlog.get_logger(__name__)


async def keep(
    database: Database, objects: ObjectStore, caller: Caller, upload: Received, imported: Imported,
    finish: Finish[ResultT],
) -> ResultT:
    """Store the upload and, when it is free of errors, its stored form. Raises UploadTooSlow."""
    file_id, valid = uuid7(), imported.report.can_train
    prefix = f"{caller.workspace_id}/{file_id}"
    row = _row(caller, upload, imported) | {
        "id": file_id,
        "source_key": f"{prefix}/original",
        "normalised_key": f"{prefix}/conversations.jsonl" if valid else None,
        "normalised_sha256": imported.sha256 if valid else None,
    }
    async with database.transaction() as tx:
        await repository.add(tx, row)
    await objects.put_stream(BUCKET, row["source_key"], _chunks(upload.path))
    if valid:
        await objects.put_stream(
            BUCKET, row["normalised_key"], _chunks(imported.path), content_type=CANONICAL_MEDIA_TYPE
        )
    async with database.transaction() as tx:
        done = await repository.finish(tx, file_id, valid=valid)
        shown = await repository.find(tx, caller.workspace_id, file_id)
        if not done or shown is None:
            raise UploadTooSlow
        return await finish(tx, shown)


async def delete(
    database: Database, objects: ObjectStore, caller: Caller, file_id: UUID, finish: Finish[ResultT]
) -> ResultT:
    """Remove a file that no job uses, objects included. Raises TrainingFileNotFound, TrainingFileInUse."""
    async with database.transaction() as tx:
        row = await repository.lock(tx, caller.workspace_id, file_id)
        if row is None:
            raise TrainingFileNotFound(file_id)
        jobs = await repository.jobs_using(tx, file_id, _JOBS_NAMED + 1)
        if jobs:
            raise TrainingFileInUse(row["name"], jobs[:_JOBS_NAMED], more=len(jobs) > _JOBS_NAMED)
        await repository.mark_deleting(tx, file_id)
        result = await finish(tx, row)
    try:
        await _erase(database, objects, row)
    except ObjectStoreUnavailable as error:
        log.warning("file_objects_left_to_the_sweeper", file_id=str(file_id), error=error.detail)
    return result


async def accept_warnings(tx: AsyncConnection, caller: Caller, file_id: UUID, now: datetime) -> RowMapping:
    """Note who has seen the warnings and takes them. Raises TrainingFileNotFound."""
    if await repository.lock(tx, caller.workspace_id, file_id) is None:
        raise TrainingFileNotFound(file_id)
    await repository.accept_warnings(tx, file_id, caller.subject, now)
    row = await repository.find(tx, caller.workspace_id, file_id)
    assert row is not None
    return row


async def sweep(database: Database, objects: ObjectStore, older_than: timedelta = INTERRUPTED_AFTER) -> int:
    """Finish what a crash interrupted: objects and rows of half-stored and half-deleted files go. Returns how many."""
    async with database.read() as tx:
        rows = await repository.unfinished(tx, older_than, _SWEPT_AT_ONCE)
    for row in rows:
        await _erase(database, objects, row)
    return len(rows)


async def expire(database: Database, older_than: timedelta) -> int:
    """Hand files that no job uses, uploaded so long ago, to the sweeper. Returns how many."""
    async with database.read() as tx:
        rows = await repository.unused(tx, older_than, _SWEPT_AT_ONCE)
    return sum([await _expire(database, row["workspace_id"], row["id"]) for row in rows])


async def _expire(database: Database, workspace_id: UUID, file_id: UUID) -> bool:
    """False: a job took it up in the meantime, or somebody else removed it."""
    async with database.transaction() as tx:
        row = await repository.lock(tx, workspace_id, file_id)
        if row is None or await repository.jobs_using(tx, file_id, 1):
            return False
        await repository.mark_deleting(tx, file_id)
    return True


async def _erase(database: Database, objects: ObjectStore, row: RowMapping) -> None:
    for key in (row["normalised_key"], row["source_key"]):
        if key:
            await objects.delete(row["bucket"], key)
    async with database.transaction() as tx:
        await repository.remove(tx, row["id"])


def _row(caller: Caller, upload: Received, imported: Imported) -> dict[str, Any]:
    report = imported.report
    return {
        "workspace_id": caller.workspace_id,
        "created_by": caller.subject,
        "name": upload.name,
        "original_filename": upload.file_name,
        "description": upload.description,
        "format": report.format.value,
        "summary": report.one_line,
        "bucket": BUCKET,
        "source_sha256": report.sha256,
        "size_bytes": upload.size,
        "records": report.records,
        "conversations": report.conversations,
        "trainable_turns": report.answers,
        "tokens": report.tokens,
        "trainable_tokens": report.trainable_tokens,
        "longest_conversation_tokens": report.longest,
        "error_count": report.errors,
        "warning_count": report.warnings,
        "issues": [issue.model_dump(mode="json") for issue in report.issues],
        "report": imported_report(imported),
    }


def imported_report(imported: Imported) -> dict[str, Any]:
    """The importer's report without its single issues, with what counted the tokens."""
    return imported.report.model_dump(mode="json", exclude={"issues"}) | {"tokenizer": imported.tokenizer}


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
