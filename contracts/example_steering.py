"""Examples of what a user does with a job under way, and of its checkpoints' end."""

from datetime import datetime
from typing import Any

from contracts.envelope import EventData
from contracts.events import CheckpointExpired, JobPauseRequested, JobTierChangeRequested
from contracts.gpus import PricingTier


def steered_jobs(job: dict[str, Any], at: datetime) -> dict[str, EventData]:
    """`job`: the fields that every event of a job has."""
    changed = JobTierChangeRequested(
        **job,
        run=2,
        from_tier=PricingTier.SPOT,
        to_tier=PricingTier.ON_DEMAND,
        requested_by="engineer@example.com",
        reason="Interrupted too often.",
    )
    return {
        "job.pause_requested": JobPauseRequested(**job, run=1, requested_by="engineer@example.com"),
        "job.tier_change_requested": changed,
        "checkpoint.expired": CheckpointExpired(**job, expired_at=at),
    }
