"""What can be done with a job: start, cancel, retry."""

from uuid import UUID

from fastapi import APIRouter

from services.job_api.schemas.jobs import CancelJob, JobView, RetryJob
from services.job_api.translate import retry_of
from services.job_api.wiring import Engineer, JsonResponse, WithOnce, WithParts, caller

router = APIRouter(prefix="/jobs/{job_id}", tags=["jobs"])


@router.post("/start", response_model=JobView, responses={402: {"description": "The budget does not allow this run"}})
async def start_job(job_id: UUID, principal: Engineer, parts: WithParts, once: WithOnce) -> JsonResponse:
    """Reserve the cost and queue the job. A job starts once."""
    return JsonResponse(await parts.commands.start(caller(principal), job_id, once))


@router.post("/cancel", response_model=JobView)
async def cancel_job(
    job_id: UUID, principal: Engineer, parts: WithParts, once: WithOnce, body: CancelJob | None = None
) -> JsonResponse:
    """End the job now; its machine is stopped."""
    reason = body.reason if body else ""
    return JsonResponse(await parts.commands.cancel(caller(principal), job_id, reason, once))


@router.post("/retry", status_code=201, response_model=JobView,
             responses={402: {"description": "The budget does not allow this run"}})
async def retry_job(
    job_id: UUID, principal: Engineer, parts: WithParts, once: WithOnce, body: RetryJob | None = None
) -> JsonResponse:
    """A new job with the same file and configuration, and the change that answers the error (`adjustments`)."""
    wanted = body or RetryJob()
    job = await parts.commands.retry(caller(principal), job_id, retry_of(wanted), start=wanted.start, once=once)
    return JsonResponse(job, 201, headers={"location": f"/api/training/jobs/{job['id']}"})
