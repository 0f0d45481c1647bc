"""Training files: upload, check, list, read, preview, delete."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import RowMapping

from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import Engineer, Principal, Reader, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.methods import only
from services.job_api.edge.responses import INVALID_CURSOR, JsonResponse, page
from services.job_api.files import presenter, service
from services.job_api.files.errors import NothingToPreview, TrainingFileNotFound
from services.job_api.files.reading import fetch_first
from services.job_api.files.receive import received, while_connected
from services.job_api.files.repository import files as repository
from services.job_api.files.repository.files import FileFilter
from services.job_api.files.repository.references import READY
from services.job_api.files.schemas import (
    UNREADABLE,
    UPLOAD_BODY,
    FileDeleted,
    FileList,
    FileListQuery,
    FileView,
    PreviewQuery,
    PreviewView,
    ValidationView,
)
from services.job_api.files.spool import upload_folder
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/files", tags=["training files"])


@router.post("", status_code=201, response_model=FileView, openapi_extra=UPLOAD_BODY, responses=UNREADABLE)
async def upload_file(
    request: Request, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Upload and check a training file. One with errors is kept as `invalid`, so that its report can be read."""
    finish = record.answering(presenter.file, 201, presenter.location)
    async with received(request, admit=deps.files.imports.refuse_if_full) as upload:
        imported = await while_connected(upload, deps.files.read(upload))
        return await service.keep(deps.database, deps.objects, caller(principal), upload, imported, finish)


@router.post("/validate", response_model=ValidationView, openapi_extra=UPLOAD_BODY, responses=UNREADABLE)
async def validate_file(request: Request, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """The same checks; nothing is stored."""
    async with received(request, admit=deps.files.imports.refuse_if_full) as upload:
        imported = await while_connected(upload, deps.files.read(upload))
    return JsonResponse(presenter.validation(imported))


only(router, "/validate", "POST")


@router.get("", response_model=FileList, responses=INVALID_CURSOR)
async def list_files(
    query: Annotated[FileListQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The workspace's files, newest first, without the single issues of their reports."""
    criteria = FileFilter(query.status, query.q)
    async with deps.database.read() as tx:
        found = await repository.page(tx, principal.workspace_id, criteria, limit=query.limit, after=query.after)
    return JsonResponse(page([presenter.file(row, with_issues=False) for row in found.rows], found.next_cursor))


@router.get("/{file_id}", response_model=FileView)
async def read_file(file_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    return JsonResponse(presenter.file(await _found(deps, principal, file_id)))


@router.get("/{file_id}/preview", response_model=PreviewView, responses={
    409: {"description": "The file has errors: there is nothing to preview"}})
async def preview_file(
    file_id: UUID, query: Annotated[PreviewQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The first conversations exactly as they will be trained, with the learnt tokens marked."""
    row = await _found(deps, principal, file_id)
    if row["status"] != READY:
        raise NothingToPreview(file_id, row["error_count"])
    async with upload_folder() as folder:
        lines = folder / "first.jsonl"
        await fetch_first(deps.objects, row["bucket"], row["normalised_key"], query.limit, lines)
        shown = await deps.files.preview(lines, query.max_seq_length)
        conversations = orjson.Fragment(shown.path.read_bytes())
    return JsonResponse(presenter.preview(row, shown, query.max_seq_length, conversations))


@router.post("/{file_id}/accept-warnings", response_model=FileView)
async def accept_warnings(
    file_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Note that the caller has seen the file's warnings and takes them."""
    async with deps.database.transaction() as tx:
        row = await service.accept_warnings(tx, caller(principal), file_id, deps.clock.now())
        return await record.answer(tx, presenter.file(row))


@router.delete("/{file_id}", response_model=FileDeleted, responses={409: {"description": "Jobs use the file"}})
async def delete_file(
    file_id: UUID, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Delete a file that no job uses, with everything stored of it."""
    return await service.delete(
        deps.database, deps.objects, caller(principal), file_id, record.answering(presenter.deleted))


async def _found(deps: Dependencies, principal: Principal, file_id: UUID) -> RowMapping:
    async with deps.database.read() as tx:
        row = await repository.find(tx, principal.workspace_id, file_id)
    if row is None:
        raise TrainingFileNotFound(file_id)
    return row
