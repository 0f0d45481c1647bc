"""Keeping, deleting and cleaning up files: rows in short transactions, objects between them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.engine import RowMapping

from chassis.clock import Clock
from chassis.database import Database
from chassis.idempotency import Once
from chassis.object_store import ObjectStore, ObjectStoreUnavailable
from chassis.problems import ServiceUnavailable
from contracts.identifiers import uuid7
from contracts.training_file import CANONICAL_MEDIA_TYPE
from services.job_api import presenters
from services.job_api.files import presenter, problems, repository
from services.job_api.files.reader import Imported
from services.job_api.files.receive import Received
from services.job_api.problems import file_not_found
from services.job_api.usecases.requests import Caller

BUCKET = "training-files"
SWEEP_EVERY_S = 600.0
# Longer than any upload of 200 MB takes.
INTERRUPTED_AFTER = timedelta(hours=1)
_SWEPT_AT_ONCE = 100
_JOBS_NAMED = 10
_CHUNK = 1024 * 1024

log = structlog.get_logger(__name__)


async def keep(
    database: Database, objects: ObjectStore, caller: Caller, upload: Received, imported: Imported, once: Once
) -> dict[str, Any]:
    """Store the upload and, when it is free of errors, its stored form. Returns the file as the API shows it."""
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
            raise ServiceUnavailable("Storing the file took too long.", code="upload_too_slow")
        document = presenters.plain(presenter.file(shown))
        await once.store(tx, 201, document, {"location": presenter.location(file_id)})
    return document


async def delete(database: Database, objects: ObjectStore, caller: Caller, file_id: UUID) -> None:
    """Remove a file that no job uses, objects included. Raises 404, and 409 with the jobs."""
    async with database.transaction() as tx:
        row = await repository.lock(tx, caller.workspace_id, file_id)
        if row is None:
            raise file_not_found(file_id)
        jobs = await repository.jobs_using(tx, file_id, _JOBS_NAMED + 1)
        if jobs:
            raise problems.file_in_use(row["name"], jobs[:_JOBS_NAMED], len(jobs) > _JOBS_NAMED)
        await repository.mark_deleting(tx, file_id)
    try:
        await _erase(database, objects, row)
    except ObjectStoreUnavailable as error:
        log.warning("file_objects_left_to_the_sweeper", file_id=str(file_id), error=error.detail)


async def accept_warnings(
    database: Database, clock: Clock, caller: Caller, file_id: UUID, once: Once
) -> dict[str, Any]:
    """Note who has seen the warnings and takes them. Raises 404."""
    async with database.transaction() as tx:
        if await repository.lock(tx, caller.workspace_id, file_id) is None:
            raise file_not_found(file_id)
        await repository.accept_warnings(tx, file_id, caller.subject, clock.now())
        row = await repository.find(tx, caller.workspace_id, file_id)
        assert row is not None
        document = presenters.plain(presenter.file(row))
        await once.store(tx, 200, document)
    return document


async def sweep(database: Database, objects: ObjectStore, older_than: timedelta = INTERRUPTED_AFTER) -> int:
    """Finish what a crash interrupted: objects and rows of half-stored and half-deleted files go. Returns how many."""
    async with database.read() as tx:
        rows = await repository.unfinished(tx, older_than, _SWEPT_AT_ONCE)
    for row in rows:
        await _erase(database, objects, row)
    return len(rows)


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
        "report": presenter.report(imported, with_issues=False),
    }


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
