"""What a user does with a job under way: pause, another tier; and whether one that ended can be gone on from."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts import events
from contracts.events import TrainingFileReference
from contracts.gpus import PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.job_moves import moved_to_tier, paused
from contracts.job_status import JobAction, JobStatus
from services.job_api.jobs.domain.job import Decision, Job, check, start_request, status_change
from services.job_api.jobs.errors import ContinuationRefused

# What a job that goes on from a checkpoint may do otherwise than the job before; the rest is in the checkpoint.
_MOST_EPOCHS = 50
CHANGEABLE = ("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps")


def pause(job: Job, by: str, reason: str) -> Decision:
    """Its machine saves a checkpoint and ends; its money is free. Raises MoveRefused."""
    check(job, JobAction.PAUSE)
    state = paused(job.state, by)
    wish = events.JobPauseRequested(
        job_id=job.id, workspace_id=job.workspace_id, run=job.run, requested_by=by, reason=reason,
        reservation_id=job.reservation_id)
    return Decision(state, (wish, *status_change(job, state)))


def switch_tier(job: Job, file: TrainingFileReference, tier: PricingTier, by: str, reason: str) -> Decision:
    """The next attempt runs on another tier, from the checkpoint that the present one saves now. `job` holds the money
    for what remains at the new price. Raises MoveRefused."""
    check(job, JobAction.SWITCH_TIER)
    state = moved_to_tier(job.state, tier.value, by)
    changed = events.JobTierChangeRequested(
        job_id=job.id, workspace_id=job.workspace_id, run=job.run + 1, from_tier=job.configuration.pricing_tier,
        to_tier=tier, requested_by=by, reason=reason)
    configuration = replace(job.configuration, pricing_tier=tier)
    start = start_request(replace(job, configuration=configuration, start_requested_by=by), file)
    return Decision(state, (changed, start, *status_change(job, state)))


def epochs_behind(job: Job) -> float:
    """How much of the training its newest checkpoint has behind it."""
    if job.state.last_checkpoint_step is None or not job.state.total_steps:
        return job.done_epochs
    share = min(1.0, job.state.last_checkpoint_step / job.state.total_steps)
    return share * job.configuration.hyperparameters.num_epochs


def epochs_at(job: Job, step: int) -> float:
    """The same for another one of its checkpoints."""
    total = job.state.total_steps
    return min(1.0, step / total) * job.configuration.hyperparameters.num_epochs if total else 0.0


def continued(job: Job, done_epochs: float, remaining_epochs: int | None) -> Hyperparameters:
    """`remaining_epochs` counts from the epoch in which the checkpoint lies. Raises ContinuationRefused."""
    values = job.configuration.hyperparameters
    if remaining_epochs is None:
        return values
    epochs = math.floor(done_epochs + 1e-9) + remaining_epochs
    if epochs > _MOST_EPOCHS:
        raise ContinuationRefused(
            job.id, f"With {remaining_epochs} more epochs the job would have {epochs}; {_MOST_EPOCHS} are the most.")
    return values.model_copy(update={"num_epochs": epochs})


def refuse_what_stays(job: Job, given: Mapping[str, Any]) -> None:
    """Raises ContinuationRefused for values that are part of what was learnt so far."""
    fixed = sorted(name for name in given if name not in CHANGEABLE)
    if fixed:
        raise ContinuationRefused(
            job.id, f"{', '.join(fixed)} cannot change: the checkpoint was made with the value of then.")


def blocked_reason(status: JobStatus, *, has_checkpoint: bool, expired: bool) -> str | None:
    """Why a job can be neither resumed nor continued; None when it can."""
    if status is JobStatus.PAUSED:
        return None
    if status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        return {JobStatus.PENDING: "The job was never started.", JobStatus.COMPLETED: "The job is completed."}.get(
            status, "The job is under way.")
    if not has_checkpoint:
        return "No checkpoint was saved before the job ended; a retry begins anew."
    return "Its checkpoints were deleted some time after its end; a retry begins anew." if expired else None
