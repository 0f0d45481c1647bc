"""Several jobs at once: cancel or delete what is selected in a list."""

from typing import Any

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Engineer, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import JsonResponse
from services.job_api.jobs.application import bulk
from services.job_api.jobs.application.queue import lock_queue
from services.job_api.jobs.schemas.bulk import BulkJobs, BulkResult
from services.job_api.paths import PREFIX
from services.job_api.problem_table import problem_of

router = APIRouter(prefix=f"{PREFIX}/bulk", tags=["jobs"])


@router.post("/jobs", response_model=BulkResult)
async def act_on_jobs(
    body: BulkJobs, principal: Engineer, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Cancel or delete up to 100 jobs: those that allow it; each of the others says why not."""
    who = caller(principal)
    async with deps.database.transaction() as tx:
        queue = await lock_queue(tx, principal.workspace_id, deps.jobs.queue_limits)
        if body.action == "cancel":
            outcomes = await bulk.cancel_jobs(queue, who, body.job_ids, body.reason, deps.clock.now())
        else:
            outcomes = await bulk.delete_jobs(queue, who, body.job_ids)
        done = [outcome.job_id for outcome in outcomes if outcome.refusal is None]
        record.concerns(done)
        return await record.answer(tx, {
            "object": "training_job.bulk", "action": body.action, "done": len(done),
            "refused": len(outcomes) - len(done), "data": [_outcome(outcome) for outcome in outcomes]})


def _outcome(outcome: bulk.Outcome) -> dict[str, Any]:
    problem = problem_of(outcome.refusal) if outcome.refusal else None
    return {"job_id": outcome.job_id, "done": problem is None, "problem": problem and {
        "code": problem.code, "detail": problem.detail, "suggested_fix": problem.suggested_fix}}
