"""What other services know about a job: its metrics, its machines and their output."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from contracts.rpc import metrics, pods, validation
from contracts.rpc.logs import LogLinesQuery
from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import Reader
from services.job_api.edge.responses import JsonResponse, page
from services.job_api.jobs import attempt_view, presenter
from services.job_api.jobs.application.attempts import attempt_history
from services.job_api.jobs.application.trainer_output import read_lines, read_text
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.repository import jobs
from services.job_api.jobs.schemas.attempts import AttemptList
from services.job_api.jobs.schemas.history import (
    EvaluationListQuery,
    EvaluationOfJob,
    MetricsQuery,
    MetricsView,
    PodList,
)
from services.job_api.jobs.schemas.logs import LogQuery, LogView
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/jobs/{{job_id}}", tags=["history"])


@router.get("/metrics", response_model=MetricsView)
async def read_metrics(
    job_id: UUID, query: Annotated[MetricsQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """Series thinned to `max_points` (minima and maxima survive), and the newest value of every metric."""
    await _must_exist(deps, principal.workspace_id, job_id)
    about = {"job_id": job_id, "workspace_id": principal.workspace_id}
    series, latest = await asyncio.gather(
        deps.rpc.request(metrics.RANGE, metrics.RangeQuery(
            **about, metrics=tuple(query.metrics), from_step=query.from_step, to_step=query.to_step,
            max_points=query.max_points)),
        deps.rpc.request(metrics.LATEST, metrics.LatestQuery(**about)),
    )
    return JsonResponse({"object": "training_job.metrics", "job_id": job_id, "latest": latest.model_dump(
        mode="json")["metrics"], **series.model_dump(mode="json")})


@router.get("/evaluation", response_model=EvaluationOfJob)
async def read_evaluation(
    job_id: UUID, query: Annotated[EvaluationListQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The verdict and the held-out conversations behind it, those that got worse first."""
    await _must_exist(deps, principal.workspace_id, job_id)
    found = await deps.rpc.request(validation.EVALUATION, validation.EvaluationQuery(
        job_id=job_id, workspace_id=principal.workspace_id, **query.model_dump()))
    return JsonResponse({"object": "training_job.evaluation", "job_id": job_id,
                         **found.model_dump(mode="json", exclude={"found"})})


@router.get("/pods", response_model=PodList)
async def list_pods(job_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """The machines of all attempts."""
    await _must_exist(deps, principal.workspace_id, job_id)
    reply = await deps.rpc.request(
        pods.JOB_PODS, pods.JobPodsQuery(job_id=job_id, workspace_id=principal.workspace_id))
    return JsonResponse(page([pod.model_dump(mode="json") for pod in reply.pods], None))


@router.get("/attempts", response_model=AttemptList)
async def list_attempts(job_id: UUID, principal: Reader, deps: WithDependencies) -> JsonResponse:
    """Each attempt with its machine, its cause of end, and what that cost in steps, minutes and dollars."""
    return JsonResponse(attempt_view.attempts(await attempt_history(deps.jobs, principal.workspace_id, job_id)))


@router.get("/logs", response_model=LogView)
async def read_log(
    job_id: UUID, query: Annotated[LogQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """The trainer's own output, while it runs and after its machine is gone: pages of lines, forwards (`after`),
    backwards (`before`) or the last ones (`tail`), all or those of a `level` and with a text (`search`). Without any of
    these: bytes, to be read on from `next_offset`."""
    job = await _must_exist(deps, principal.workspace_id, job_id)
    about = {"job_id": job_id, "workspace_id": principal.workspace_id}
    if query.by_lines:
        found = await read_lines(
            deps.rpc, LogLinesQuery(**about, **query.model_dump(exclude={"offset", "max_bytes"})), job.state.attempt)
    else:
        found = await read_text(
            deps.rpc, pods.LogQuery(**about, **query.model_dump(include={"attempt", "offset", "max_bytes"})))
    return JsonResponse(presenter.log(job_id, found))


async def _must_exist(deps: Dependencies, workspace_id: UUID, job_id: UUID) -> Job:
    async with deps.database.read() as tx:
        job = await jobs.find(tx, workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job
