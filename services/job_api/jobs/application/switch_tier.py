"""Another tier in the middle of a job: checked against the budget first, then from checkpoint to checkpoint."""

from dataclasses import replace
from uuid import UUID

from contracts.gpus import PricingTier
from contracts.job_status import JobAction
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.commands import Finish, JobContext, ResultT
from services.job_api.jobs.application.history import apply_decision
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.people import job_with_names
from services.job_api.jobs.application.reservations import reserved, use_up
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.application.what_remains import ask_for_the_rest, columns_of_the_rest
from services.job_api.jobs.domain.job import check
from services.job_api.jobs.domain.steering import switch_tier


async def move_to_tier(
    context: JobContext, caller: Caller, job_id: UUID, tier: PricingTier, reason: str, finish: Finish[ResultT]
) -> ResultT:
    """Raises JobNotFound, MoveRefused, TierUnchanged, StartInProgress, BudgetExceeded, and ServiceUnavailable when
    nobody knows the budget: the job then goes on as it is."""
    async with context.database.transaction() as tx:
        request = await ask_for_the_rest(tx, caller, job_id, JobAction.SWITCH_TIER, tier)
    async with reserved(context, request) as reply, context.database.transaction() as tx:
        job = await locked(tx, caller.workspace_id, job_id)
        check(job, JobAction.SWITCH_TIER)
        file = await usable_file(tx, job.workspace_id, job.training_file_id, keep=True)
        assert request.reservation_id is not None
        await use_up(tx, job.id, request.reservation_id)
        columns = columns_of_the_rest(job, request, reply)
        paid = replace(
            job, reservation_id=request.reservation_id, reserved_micro_usd=columns["reserved_micro_usd"],
            estimated_cost_micro_usd=columns["cost_estimate_micro_usd"],
            estimated_duration_s=reply.estimate.duration.expected_s)
        decision = switch_tier(paid, references.reference(file), tier, caller.subject, reason)
        row = await apply_decision(tx, job, decision, columns | {"run": job.run + 1})
        return await finish(tx, await job_with_names(tx, row))
