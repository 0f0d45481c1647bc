"""What a job delivered, signed URLs to it, and who asked for one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.job_api.accounts import repository as accounts
from services.job_api.artifacts import presenter
from services.job_api.artifacts.application.downloads import HandedOut, Requester, job_of
from services.job_api.artifacts.application.metrics_export import MetricsFormat
from services.job_api.artifacts.domain import WeightsFormat
from services.job_api.artifacts.repository import deliveries, downloads
from services.job_api.artifacts.schemas import ArtifactList, DownloadList, DownloadListQuery, DownloadView
from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Downloader, Principal, Reader, caller
from services.job_api.edge.responses import INVALID_CURSOR, JsonResponse, page
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/jobs/{{job_id}}", tags=["artifacts"])
NOTHING_YET: dict[int | str, dict[str, Any]] = {409: {"description": "The job has nothing to download (yet)"}}


@router.get("/artifacts", response_model=ArtifactList)
async def list_artifacts(job_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """The model a completed job delivered, with its files and the validator's verdict; empty before."""
    async with deps.database.read() as tx:
        await job_of(tx, principal.workspace_id, job_id)
        model = await deliveries.model_of(tx, job_id)
        files = await deliveries.files_of(tx, model["id"]) if model else []
    return JsonResponse(page([presenter.model(model, files)] if model else [], None))


@router.get("/download/adapters", response_model=DownloadView, responses=NOTHING_YET)
async def download_adapters(
    job_id: UUID, request: Request, principal: Downloader, deps: WithDependencies,
    form: Annotated[WeightsFormat, Query(alias="format")] = "safetensors",
) -> JsonResponse:
    """A URL, valid for 24 hours, of a ZIP with weights, configuration, tokenizer, README and summary."""
    return _handed_out(await deps.downloads.adapters(_requester(request, principal), job_id, form))


@router.get("/download/metrics", response_model=DownloadView, responses=NOTHING_YET)
async def download_metrics(
    job_id: UUID, request: Request, principal: Downloader, deps: WithDependencies,
    form: Annotated[MetricsFormat, Query(alias="format")] = "csv",
) -> JsonResponse:
    """A URL, valid for 24 hours, of all metrics so far: one row for each step of each attempt."""
    return _handed_out(await deps.downloads.metrics(_requester(request, principal), job_id, form))


@router.get("/downloads", response_model=DownloadList, responses=INVALID_CURSOR)
async def list_downloads(
    job_id: UUID, query: Annotated[DownloadListQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """Who took what and when, newest first."""
    async with deps.database.read() as tx:
        await job_of(tx, principal.workspace_id, job_id)
        found = await downloads.page(tx, job_id, limit=query.limit, after=query.after)
        emails = await accounts.emails_of(tx, {row["downloaded_by"] for row in found.rows})
    return JsonResponse(page([presenter.record(row, emails) for row in found.rows], found.next_cursor))


def _requester(request: Request, principal: Principal) -> Requester:
    address = request.client.host if request.client else ""
    return Requester(caller(principal), principal.kind, request.headers.get("user-agent", ""), address)


def _handed_out(found: HandedOut) -> JsonResponse:
    return JsonResponse(presenter.download(found), headers={"cache-control": "no-store"})
