"""What a job delivered, signed URLs to it, and who asked for one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.identifiers import uuid7
from services.job_api import presenters
from services.job_api.artifacts import presenter, problems, repository
from services.job_api.artifacts.delivery import URL_LIFETIME, Delivery, delivery_of
from services.job_api.artifacts.metrics_export import MetricsFormat, export_metrics
from services.job_api.artifacts.package import WeightsFormat, package
from services.job_api.artifacts.schemas import ArtifactList, DownloadList, DownloadListQuery, DownloadView
from services.job_api.artifacts.sources import BUCKET
from services.job_api.domain.keyset import InvalidCursor
from services.job_api.edge.auth import Principal
from services.job_api.problems import invalid_cursor, job_not_found
from services.job_api.repository import accounts, jobs
from services.job_api.wiring import Downloader, JsonResponse, Parts, Reader, WithParts

router = APIRouter(prefix="/jobs/{job_id}", tags=["artifacts"])

_LONGEST_CLIENT = 500


@router.get("/artifacts", response_model=ArtifactList)
async def list_artifacts(job_id: UUID, principal: Reader, parts: WithParts) -> JsonResponse:
    """The model a completed job delivered, with its files and the validator's verdict; empty before."""
    async with parts.database.read() as tx:
        await _job(tx, principal, job_id)
        model = await repository.model_of(tx, job_id)
        files = await repository.files_of(tx, model["id"]) if model else []
    return JsonResponse(presenters.page([presenter.model(model, files)] if model else [], None))


@router.get("/download/adapters", response_model=DownloadView)
async def download_adapters(
    job_id: UUID,
    request: Request,
    principal: Downloader,
    parts: WithParts,
    form: Annotated[WeightsFormat, Query(alias="format")] = "safetensors",
) -> JsonResponse:
    """A URL, valid for 24 hours, of a ZIP with weights, configuration, tokenizer, README and summary."""
    async with parts.database.read() as tx:
        job = await _job(tx, principal, job_id)
        model = await repository.model_of(tx, job_id)
        if model is None:
            raise problems.not_completed(job)
        files = await repository.files_of(tx, model["id"])
    delivery = await delivery_of(parts.objects, parts.clock, package(parts.objects, job, model, files, form))
    return await _hand_out(parts, request, principal, job_id, repository.ADAPTERS, form, delivery)


@router.get("/download/metrics", response_model=DownloadView)
async def download_metrics(
    job_id: UUID,
    request: Request,
    principal: Downloader,
    parts: WithParts,
    form: Annotated[MetricsFormat, Query(alias="format")] = "csv",
) -> JsonResponse:
    """A URL, valid for 24 hours, of all metrics so far: one row for each step of each attempt."""
    async with parts.database.read() as tx:
        await _job(tx, principal, job_id)
    delivery = await export_metrics(parts.bus, parts.objects, principal.workspace_id, job_id, form)
    return await _hand_out(parts, request, principal, job_id, repository.METRICS, form, delivery)


@router.get("/downloads", response_model=DownloadList)
async def list_downloads(
    job_id: UUID, query: Annotated[DownloadListQuery, Query()], principal: Reader, parts: WithParts
) -> JsonResponse:
    """Who took what and when, newest first."""
    async with parts.database.read() as tx:
        await _job(tx, principal, job_id)
        try:
            page = await repository.downloads(tx, job_id, limit=query.limit, after=query.after)
        except InvalidCursor as error:
            raise invalid_cursor(error) from error
        names = {row["downloaded_by"] for row in page.rows}
        emails = {name: email for name in names if (email := await accounts.email_of(tx, name))}
    return JsonResponse(presenters.page([presenter.record(row, emails) for row in page.rows], page.next_cursor))


async def _job(tx: AsyncConnection, principal: Principal, job_id: UUID) -> RowMapping:
    job = await jobs.view(tx, principal.workspace_id, job_id)
    if job is None:
        raise job_not_found(job_id)
    return job


async def _hand_out(
    parts: Parts, request: Request, principal: Principal, job_id: UUID, kind: str, form: str, delivery: Delivery
) -> JsonResponse:
    """Recorded first: nobody gets a URL without a trace."""
    expires_at = parts.clock.now() + URL_LIFETIME
    url = await parts.objects.presign("GET", BUCKET, delivery.key, int(URL_LIFETIME.total_seconds()))
    record: dict[str, Any] = {
        "id": uuid7(),
        "workspace_id": principal.workspace_id,
        "training_job_id": job_id,
        "kind": kind,
        "format": form,
        "object_key": delivery.key,
        "size_bytes": delivery.size,
        "downloaded_by": principal.subject,
        "credential": principal.kind,
        "client": request.headers.get("user-agent", "")[:_LONGEST_CLIENT],
        "address": request.client.host if request.client else "",
        "expires_at": expires_at,
    }
    async with parts.database.transaction() as tx:
        await repository.record_download(tx, record)
    answer = presenter.download(kind, form, delivery, url, expires_at)
    return JsonResponse(answer, headers={"cache-control": "no-store"})
