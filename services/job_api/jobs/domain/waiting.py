"""What a job that waited too long is told."""

from dataclasses import replace
from datetime import datetime, timedelta

from contracts.error_catalogue import CATALOGUE, ErrorCode
from contracts.job_projection import JobState
from contracts.job_reasons import StatusReason
from contracts.job_status import JobStatus
from services.job_api.jobs.domain.job import Decision, Job, announce

_STAGES = (JobStatus.PREPROCESSING, JobStatus.MODEL_LOADING, JobStatus.FINALIZATION)
_OPERATOR = "If it happens again, whoever runs the server looks at the dead letters (brightrun dlq list)."


def give_up(job: Job, limit: timedelta, at: datetime) -> Decision:
    """The job failed because nothing came for `limit`; its money and its machine are let go."""
    reason, code = _reason(waits_as(job.state), _in_words(limit))
    facts = {"stage": job.state.status.value, "waited_h": limit.total_seconds() / 3600}
    state = replace(
        job.state, status=JobStatus.FAILED, reason=reason, error_type=CATALOGUE[code].error_type,
        error_code=code.value, error_facts=facts, completed_at=at, eta_s=None,
        machines_ahead=None)
    return Decision(state, announce(job, state, at))


def waits_as(state: JobState) -> JobStatus:
    """Whose limit counts: a job in line for a machine waits as one whose machine is asked for."""
    return state.status if state.machines_ahead is None else JobStatus.PROVISIONING


def _reason(status: JobStatus, waited: str) -> tuple[StatusReason, ErrorCode]:
    if status is JobStatus.QUEUED:
        return StatusReason(
            "no_machine_requested", f"The start was accepted, and for {waited} nobody asked for a machine.",
            f"Retry the job. {_OPERATOR}"), ErrorCode.NO_MACHINE_REQUESTED
    if status is JobStatus.PROVISIONING:
        return StatusReason(
            "no_machine", f"No machine came up within {waited}.",
            "Retry later, or choose on_demand capacity or another GPU."), ErrorCode.PROVISIONING_TIMEOUT
    if status is JobStatus.RECOVERING:
        return StatusReason(
            "not_resumed", f"The machine was lost, and within {waited} no other one took over.",
            f"Retry the job: it starts anew. {_OPERATOR}"), ErrorCode.NOT_RESUMED
    if status is JobStatus.PAUSED:
        return StatusReason(
            "paused_too_long", f"The job was paused for {waited}; so long its checkpoints are kept for it.",
            "Continue it as a new job while they are there (72 hours by default)."), ErrorCode.PAUSED_TOO_LONG
    assert status in _STAGES
    return StatusReason(
        "stage_stalled", f"The stage {status.value} lasted longer than {waited}; the trainer has not said why.",
        "Read the trainer's output (GET /api/training/jobs/{id}/logs), then retry the job."), ErrorCode.STAGE_STALLED


def _in_words(limit: timedelta) -> str:
    minutes = round(limit.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    if minutes >= 4 * 24 * 60:
        return f"{minutes / 60 / 24:.0f} days"
    hours = minutes / 60
    return f"{hours:.0f} hours" if hours == int(hours) else f"{hours:.1f} hours"
