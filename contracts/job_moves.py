"""What users do to a job, beside what events make of it (contracts.job_projection)."""

from dataclasses import replace
from datetime import datetime

from contracts.job_projection import JobState, moved
from contracts.job_reasons import WAITING_FOR_TURN, StatusReason
from contracts.job_status import JobStatus, may_move


def in_line(state: JobState) -> JobState:
    """The user started the job and the budget allowed it; it runs when it is its turn."""
    return moved(state, JobStatus.QUEUED, StatusReason(WAITING_FOR_TURN, "Accepted; waiting for its turn."))


def queued(state: JobState) -> JobState:
    """It is the job's turn; a machine is asked for."""
    return moved(state, JobStatus.QUEUED, StatusReason("queued", "Accepted; waiting for a machine."))


def cancelled(state: JobState, by: str, at: datetime) -> JobState:
    """A user ended the job; one that has ended stays as it is."""
    if not may_move(state.status, JobStatus.CANCELLED):
        return state
    result = moved(state, JobStatus.CANCELLED, StatusReason("cancelled", f"Cancelled by {by}."))
    return replace(result, completed_at=at, eta_s=None)


def paused(state: JobState, by: str) -> JobState:
    """A user stopped the job for a while."""
    if state.status is JobStatus.PAUSED or not may_move(state.status, JobStatus.PAUSED):
        return state
    reason = StatusReason("paused", f"Paused by {by}; no machine was asked for yet.")
    if state.status is not JobStatus.QUEUED:
        reason = StatusReason("pausing", f"Paused by {by}; its machine saves a checkpoint and ends.")
    return _set_aside(moved(state, JobStatus.PAUSED, reason))


def moved_to_tier(state: JobState, tier: str, by: str) -> JobState:
    """A user chose another tier: the machine saves a checkpoint, the next attempt goes on from it."""
    reason = StatusReason("tier_changed", f"{by} chose {tier}; the next machine goes on from the newest checkpoint.")
    return _set_aside(moved(state, JobStatus.RECOVERING, reason))


def _set_aside(state: JobState) -> JobState:
    mine = (state.attempt,) if state.attempt and state.attempt not in state.set_aside else ()
    return replace(state, interrupted_attempt=max(state.interrupted_attempt, state.attempt), eta_s=None,
                   set_aside=(*state.set_aside, *mine))
