"""What a user does to a job that runs, beside what events make of it (contracts.job_projection)."""

from dataclasses import replace

from contracts.job_projection import JobState, moved
from contracts.job_reasons import StatusReason
from contracts.job_status import JobStatus, may_move

WAITING_FOR_TURN = "waiting_for_turn"


def in_line(state: JobState) -> JobState:
    """A user started the job and the budget allowed it; it runs when it is its turn."""
    return moved(state, JobStatus.QUEUED, StatusReason(WAITING_FOR_TURN, "Accepted; waiting for its turn."))


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
