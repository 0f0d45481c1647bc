"""Money for what remains of a job that has run: a resume, or another tier."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import PricingTier
from contracts.job_status import JobAction
from contracts.rpc.costs import ReserveReply, ReserveRequest
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.estimates import estimate_columns, estimate_request
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.reservations import open_intent
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.domain.job import Job, check
from services.job_api.jobs.domain.steering import epochs_behind
from services.job_api.jobs.errors import TierUnchanged


async def ask_for_the_rest(
    tx: AsyncConnection, caller: Caller, job_id: UUID, action: JobAction, tier: PricingTier | None
) -> ReserveRequest:
    """Raises JobNotFound, MoveRefused, TierUnchanged, StartInProgress."""
    job = await locked(tx, caller.workspace_id, job_id)
    check(job, action)
    if action is JobAction.SWITCH_TIER and tier is job.configuration.pricing_tier:
        raise TierUnchanged(job_id, tier)
    file = references.reference(await usable_file(tx, caller.workspace_id, job.training_file_id))
    return ReserveRequest(
        job_id=job.id, job_name=job.name, requested_by=caller.subject, resumes=job.run > 0,
        estimate=estimate_request(
            caller.workspace_id, on_tier(job, tier), file, done_epochs=epochs_behind(job)),
        reservation_id=await open_intent(tx, caller.workspace_id, job_id))


def on_tier(job: Job, tier: PricingTier | None) -> Configuration:
    return replace(job.configuration, pricing_tier=tier or job.configuration.pricing_tier)


def columns_of_the_rest(job: Job, request: ReserveRequest, reply: ReserveReply) -> dict[str, Any]:
    """The job's money from its beginning on: what was spent, and what the rest may cost."""
    configuration = on_tier(job, request.estimate.pricing_tier)
    expected, spent = reply.estimate.cost_micro_usd.expected, job.cost_micro_usd
    return estimate_columns(reply.estimate) | {
        "cost_estimate_micro_usd": spent + expected, "reserved_micro_usd": spent + reply.reserved_micro_usd,
        "reservation_id": request.reservation_id, "gpu_pricing_tier": configuration.pricing_tier.value,
        "configuration": configuration.as_json()}
