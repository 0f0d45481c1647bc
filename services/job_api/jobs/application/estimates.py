"""What a configuration would cost on a file, before anything is created."""

from typing import Any
from uuid import UUID

import structlog

from chassis.problems import ServiceUnavailable
from contracts.events import TrainingFileReference
from contracts.rpc import costs
from contracts.rpc.costs import Estimate, EstimateRequest
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.ports import RpcClient

log = structlog.get_logger(__name__)


def estimate_request(
    workspace_id: UUID, configuration: Configuration, file: TrainingFileReference, *, done_epochs: float = 0.0
) -> EstimateRequest:
    """`done_epochs`: what a checkpoint has behind it; only the rest is priced."""
    return EstimateRequest(
        workspace_id=workspace_id, gpu_type=configuration.gpu_type, pricing_tier=configuration.pricing_tier,
        hyperparameters=configuration.hyperparameters, conversations=file.conversations, tokens=file.tokens,
        base_model=configuration.base_model, done_epochs=done_epochs)


async def estimate_or_none(rpc: RpcClient, request: EstimateRequest) -> Estimate | None:
    """None when nobody answers: a job may be created without a figure, though never started without one."""
    try:
        return await rpc.request(costs.ESTIMATE, request, timeout_s=1.0)
    except ServiceUnavailable as error:
        log.warning("created_without_an_estimate", error=error.detail)
        return None


def estimate_columns(estimate: Estimate | None) -> dict[str, Any]:
    """What the job's row keeps of an estimate; the budget of that moment is not part of it."""
    if estimate is None:
        return {}
    kept = estimate.model_dump(mode="json", exclude={"budget", "allowed_to_proceed", "tiers"})
    return {"estimate": kept, "cost_estimate_micro_usd": estimate.cost_micro_usd.expected,
            "estimated_duration_s": estimate.duration.expected_s}
