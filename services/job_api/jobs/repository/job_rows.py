"""Between rows of `training_jobs` and the domain's types."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import RowMapping

from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.job_course import Course
from contracts.job_progress import progress_percentage
from contracts.job_projection import JobState
from contracts.job_reasons import StatusReason
from contracts.job_status import JobStatus
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.domain.queue import ActiveJob, WaitingJob

Row = RowMapping | Mapping[str, Any]
_SOON_S = 60.0


def job_of(row: Row) -> Job:
    return Job(
        id=row["id"], workspace_id=row["workspace_id"], training_file_id=row["training_file_id"], name=row["name"],
        description=row["description"], notes=row["notes"], tags=tuple(row["tags"]), created_by=row["created_by"],
        configuration=configuration_of(row), state=state_of(row), retry_count=row["retry_count"],
        event_seq=row["event_seq"], reservation_id=row["reservation_id"],
        cost_micro_usd=row["actual_cost_micro_usd"], cost_final=row["cost_final"],
        estimated_cost_micro_usd=row["cost_estimate_micro_usd"], estimated_duration_s=row["estimated_duration_s"],
        reserved_micro_usd=row["reserved_micro_usd"], waiting_since=row["waiting_since"],
        start_requested_by=row["start_requested_by"], run=row["run"], continues=row["continues"],
        done_epochs=row["done_epochs"], checkpoints_expired=row["checkpoints_expired"],
        status_since=row["status_since"], client=row["client"], project=row["project"],
        notes_revision=row["notes_revision"],
    )


def configuration_of(row: Row) -> Configuration:
    return Configuration(
        preset=row["preset"],
        hyperparameters=Hyperparameters.model_validate(row["configuration"]["hyperparameters"]),
        base_model=row["base_model"],
        gpu_type=GpuType(row["gpu_type"]),
        pricing_tier=PricingTier(row["gpu_pricing_tier"]),
        max_duration_s=row["max_duration_s"],
    )


def state_of(row: Row) -> JobState:
    """The projection's state as it was stored."""
    reason, stage, error = row["status_reason"], row["current_stage"], row["error_type"]
    return JobState(
        status=JobStatus(row["status"]), attempt=row["attempt"], interrupted_attempt=row["interrupted_attempt"],
        current_stage=JobStatus(stage) if stage else None, reason=StatusReason(**reason) if reason else None,
        error_type=TrainingErrorType(error) if error else None, error_code=row["error_code"],
        error_facts=row["error_facts"], started_at=row["started_at"], completed_at=row["completed_at"],
        step=row["current_step"], total_steps=row["total_steps"], epoch=row["current_epoch"],
        loss=row["latest_loss"], validation_loss=row["latest_validation_loss"],
        learning_rate=row["latest_learning_rate"], perplexity=row["latest_perplexity"], eta_s=row["eta_s"],
        last_checkpoint_step=row["last_checkpoint_step"], machines_ahead=row["machines_ahead"],
        set_aside=tuple(row["set_aside"]),
        course=Course.model_validate(row["course"]),
    )


def state_columns(state: JobState) -> dict[str, Any]:
    """The columns that hold a state; `state_of` reads them back."""
    failed = state.status is JobStatus.FAILED and state.reason is not None
    # Whatever moves a job out of `queued` takes it out of the queue.
    left = {} if state.status is JobStatus.QUEUED else {"waiting_since": None}
    return left | {
        "status": state.status.value, "attempt": state.attempt, "interrupted_attempt": state.interrupted_attempt,
        "set_aside": list(state.set_aside),
        "current_stage": state.current_stage.value if state.current_stage else None,
        "status_reason": asdict(state.reason) if state.reason else None,
        "error_type": state.error_type.value if state.error_type else None, "error_code": state.error_code,
        "error_facts": dict(state.error_facts),
        "error_message": state.reason.message if failed and state.reason else None,
        "started_at": state.started_at, "completed_at": state.completed_at, "current_step": state.step,
        "total_steps": state.total_steps, "current_epoch": state.epoch, "latest_loss": finite(state.loss),
        "latest_validation_loss": finite(state.validation_loss),
        "latest_learning_rate": finite(state.learning_rate), "latest_perplexity": finite(state.perplexity),
        "course": state.course.model_dump(mode="json", exclude_defaults=True),
        "eta_s": finite(state.eta_s), "last_checkpoint_step": state.last_checkpoint_step,
        "machines_ahead": state.machines_ahead,
        "checkpoint_recovery_count": state.recoveries, "progress_percentage": progress_percentage(state),
    }


def waiting_job_of(row: Any) -> WaitingJob:
    return WaitingJob(row.id, row.created_by, row.waiting_since, row.promoted_at, row.estimated_duration_s)


def active_job_of(row: Any) -> ActiveJob:
    """The trainer's own estimate, or what is left of the one before the start; at least a minute: it is not over."""
    remaining_s = row.eta_s
    if remaining_s is None and row.estimated_duration_s is not None:
        ran_s = (row.now - row.started_at).total_seconds() if row.started_at else 0.0
        remaining_s = row.estimated_duration_s - ran_s
    return ActiveJob(row.created_by, None if remaining_s is None else max(_SOON_S, remaining_s))


def finite(value: float | None) -> float | None:
    """JSON has no NaN: the row shows nothing, the metrics keep and flag the value."""
    return value if value is not None and value - value == 0 else None
