"""Training files: upload, check, list, read, preview, delete."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import RowMapping

from chassis.auth import Principal
from services.job_api import presenters
from services.job_api.domain.keyset import InvalidCursor
from services.job_api.files import presenter, problems, repository, store
from services.job_api.files.reading import fetch_first
from services.job_api.files.receive import received, while_connected
from services.job_api.files.repository import FileFilter
from services.job_api.files.schemas import (
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
from services.job_api.problems import file_not_found, invalid_cursor
from services.job_api.repository.files import READY
from services.job_api.wiring import Engineer, JsonResponse, Parts, Reader, WithOnce, WithParts, caller

router = APIRouter(prefix="/files", tags=["training files"])


@router.post("", status_code=201, response_model=FileView, openapi_extra=UPLOAD_BODY)
async def upload_file(request: Request, principal: Engineer, parts: WithParts, once: WithOnce) -> JsonResponse:
    """Upload and check a training file. One with errors is kept as `invalid`, so that its report can be read."""
    async with received(request, admit=parts.files.imports.refuse_if_full) as upload:
        imported = await while_connected(upload, parts.files.read(upload))
        document = await store.keep(parts.database, parts.objects, caller(principal), upload, imported, once)
    return JsonResponse(document, 201, headers={"location": presenter.location(document["id"])})


@router.post("/validate", response_model=ValidationView, openapi_extra=UPLOAD_BODY)
async def validate_file(request: Request, principal: Reader, parts: WithParts) -> JsonResponse:
    """The same checks; nothing is stored."""
    async with received(request, admit=parts.files.imports.refuse_if_full) as upload:
        imported = await while_connected(upload, parts.files.read(upload))
    return JsonResponse(presenter.validation(imported))


@router.get("", response_model=FileList)
async def list_files(query: Annotated[FileListQuery, Query()], principal: Reader, parts: WithParts) -> JsonResponse:
    """The workspace's files, newest first, without the single issues of their reports."""
    try:
        async with parts.database.read() as tx:
            page = await repository.page(
                tx, principal.workspace_id, FileFilter(query.status, query.q), limit=query.limit, after=query.after
            )
    except InvalidCursor as error:
        raise invalid_cursor(error) from error
    return JsonResponse(
        presenters.page([presenter.file(row, with_issues=False) for row in page.rows], page.next_cursor)
    )


@router.get("/{file_id}", response_model=FileView)
async def read_file(file_id: UUID, principal: Reader, parts: WithParts) -> JsonResponse:
    return JsonResponse(presenter.file(await _found(parts, principal, file_id)))


@router.get("/{file_id}/preview", response_model=PreviewView)
async def preview_file(
    file_id: UUID, query: Annotated[PreviewQuery, Query()], principal: Reader, parts: WithParts
) -> JsonResponse:
    """The first conversations exactly as they will be trained, with the learnt tokens marked."""
    row = await _found(parts, principal, file_id)
    if row["status"] != READY:
        raise problems.nothing_to_show(file_id, row["error_count"])
    async with upload_folder() as folder:
        lines = folder / "first.jsonl"
        await fetch_first(parts.objects, row["bucket"], row["normalised_key"], query.limit, lines)
        shown = await parts.files.preview(lines, query.max_seq_length)
        conversations = orjson.Fragment(shown.path.read_bytes())
    return JsonResponse(
        {
            "object": "training_file.preview",
            "training_file_id": file_id,
            "name": row["name"],
            "total_conversations": row["conversations"],
            "max_seq_length": query.max_seq_length,
            "tokens_exact": shown.tokenizer is not None,
            "tokenizer": shown.tokenizer,
            "conversations": conversations,
        }
    )


@router.post("/{file_id}/accept-warnings", response_model=FileView)
async def accept_warnings(file_id: UUID, principal: Engineer, parts: WithParts, once: WithOnce) -> JsonResponse:
    """Note that the caller has seen the file's warnings and takes them."""
    return JsonResponse(await store.accept_warnings(parts.database, parts.clock, caller(principal), file_id, once))


@router.delete("/{file_id}", response_model=FileDeleted)
async def delete_file(file_id: UUID, principal: Engineer, parts: WithParts) -> JsonResponse:
    """Delete a file that no job uses, with everything stored of it."""
    await store.delete(parts.database, parts.objects, caller(principal), file_id)
    return JsonResponse({"object": "training_file", "id": file_id, "deleted": True})


async def _found(parts: Parts, principal: Principal, file_id: UUID) -> RowMapping:
    async with parts.database.read() as tx:
        row = await repository.find(tx, principal.workspace_id, file_id)
    if row is None:
        raise file_not_found(file_id)
    return row
